# SPDX-License-Identifier: MIT
# table.awk - lines "ROUND HEAP ROW VALUE UNIT" to a table for people and one for programs.
#
# Variables: peers, their names; rounds; pattern, of rows; out, the file for programs, which grows.

function median(list, n,    i, j, t) {
  for (i = 2; i <= n; i++) {
    t = list[i]
    for (j = i - 1; j >= 1 && list[j] > t; j--)
      list[j + 1] = list[j]
    list[j + 1] = t
  }
  return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# The median over the rounds; "" if there was none. Leaves in spread how far the middle half of
# the rounds lies apart, in percent of it.
function middle(heap, row,    r, n, list, m) {
  n = 0
  for (r = 1; r <= rounds; r++)
    if ((r, heap, row) in value)
      list[++n] = value[r, heap, row]
  if (n == 0)
    return ""
  m = median(list, n)
  spread = m > 0 ? 100 * (list[n - int(n / 4)] - list[1 + int(n / 4)]) / m : 0
  return m
}

# The median of tern's share in each round; "" if they never ran in the same one.
function ratio(heap, row,    r, n, list) {
  n = 0
  for (r = 1; r <= rounds; r++)
    if ((r, "tern", row) in value && (r, heap, row) in value && value[r, heap, row] > 0)
      list[++n] = value[r, "tern", row] / value[r, heap, row]
  return n == 0 ? "" : median(list, n)
}

function short(x) {
  return x == "" ? "-" : x < 100 ? sprintf("%.2f", x) : sprintf("%.0f", x)
}

{
  value[$1, $2, $3] = $4
  if (!($3 in unit)) {
    unit[$3] = $5
    rows[++nrows] = $3
  }
}

END {
  npeers = split(peers, peer)
  printf "\n%-24s %-5s %8s", "", "", "tern"
  for (p = 1; p <= npeers; p++)
    printf " %16s", peer[p] " (ratio)"
  printf " %8s\n", "spread %"
  for (i = 1; i <= nrows; i++) {
    row = rows[i]
    if (row !~ pattern)
      continue
    m = middle("tern", row)
    widest = spread
    printf "%-24s %-5s %8s", row, unit[row], short(m)
    if (m != "")
      printf "%s\t%.4f\t%s\n", row, m, unit[row] >> out
    for (p = 1; p <= npeers; p++) {
      theirs = middle(peer[p], row)
      if (theirs != "" && spread > widest)
        widest = spread
      q = ratio(peer[p], row)
      printf " %8s (%5s)", short(theirs), short(q)
      if (q != "")
        printf "%s.vs.%s\t%.4f\tratio\n", row, peer[p], q >> out
    }
    printf " %8.0f\n", widest
  }
}
