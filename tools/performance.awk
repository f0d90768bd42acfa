# SPDX-License-Identifier: MIT
# performance.awk - a table of figures, with targets and peers, as Markdown and as a picture.
#
# usage: awk -v where=x86_64|aarch64|hosted -v svg=FILE -f performance.awk TARGETS TABLE
# TARGETS is tests/bench/targets.tsv; TABLE is what make bench or make bench-hosted leaves. Prints a line for
# each row; the picture has a bar for each target: how far the row is from it, to the left if it is met.

BEGIN { FS = "\t" }

FNR == NR {
  if ($1 == where) {
    target_row[++ntargets] = $2
    relation[ntargets] = $3
    target[ntargets] = $4
    peer[ntargets] = $5
  }
  next
}

# A ratio is kept with its row, in the order of the table.
$1 ~ /\.vs\./ {
  split($1, part, ".vs.")
  npeers[part[1]]++
  peer_name[part[1], npeers[part[1]]] = part[2]
  value[$1] = $2
  if ($2 + 0 > value[part[1] ".vs.*"] + 0)
    value[part[1] ".vs.*"] = $2
  next
}
{
  rows[++nrows] = $1
  value[$1] = $2
  unit[$1] = $3
}

# Three digits, thousands by letters.
function short(x) {
  x += 0
  if (x >= 1e9) return sprintf("%.2fG", x / 1e9)
  if (x >= 1e6) return sprintf("%.2fM", x / 1e6)
  if (x >= 1e4) return sprintf("%.1fk", x / 1e3)
  if (x == int(x)) return sprintf("%d", x)
  return x < 10 ? sprintf("%.2f", x) : x < 100 ? sprintf("%.1f", x) : sprintf("%.0f", x)
}

# How many times the target i was missed; at most 1 if it was met; "" without a figure.
function excess(i,    v, t) {
  v = value[target_row[i]]
  if (v == "")
    return ""
  t = bound(i)
  if (relation[i] == "<=")
    return v / t
  return v > 0 ? t / v : 1000
}

function bound(i) {
  return target[i] * (where == "hosted" && peer[i] != "-" ? peer[i] : 1)
}

function is_of(i, row) {
  return target_row[i] == row || index(target_row[i], row ".vs.") == 1
}

function targets_of(row,    i, text, of, e) {
  text = ""
  verdict = ""
  for (i = 1; i <= ntargets; i++) {
    if (!is_of(i, row))
      continue
    of = substr(target_row[i], length(row) + 5)
    e = excess(i)
    text = text (text == "" ? "" : ", ") relation[i] " " short(bound(i)) \
      (of == "" ? "" : of == "*" ? " of each" : " of " of)
    verdict = verdict (verdict == "" ? "" : ", ") (e == "" ? "no figure" : e <= 1 ? "met" : "**missed**")
    if (where != "hosted" && peer[i] != "-")
      ratio = short(value[row] / peer[i])
  }
  return text
}

function peers_of(row,    p, text) {
  text = ""
  for (p = 1; p <= npeers[row]; p++)
    text = text (text == "" ? "" : ", ") peer_name[row, p] " " short(value[row ".vs." peer_name[row, p]])
  return text
}

function line(row,    text) {
  ratio = peers_of(row)
  text = targets_of(row)
  printf "| %s | %s %s | %s | %s | %s |\n", row, short(value[row]), unit[row], text, verdict, ratio
}

# --- the picture: a step to the right is twice the target --------------------------------------------

function log2(x) { return log(x) / log(2) }

function bar(i, y,    e, x) {
  e = excess(i)
  x = e == "" ? 0 : e <= 0 ? -4 : log2(e)
  x = x > 4 ? 4 : x < -4 ? -4 : x
  printf "<text x=\"295\" y=\"%d\" text-anchor=\"end\">%s</text>\n", y + 11, target_row[i] > svg
  if (e == "") {
    printf "<text x=\"505\" y=\"%d\" fill=\"#888\">no figure</text>\n", y + 11 > svg
    return
  }
  printf "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"11\" fill=\"%s\"/>\n", x < 0 ? 500 + 45 * x : 500, y + 2,
    45 * (x < 0 ? -x : x) + 1, e <= 1 ? "#3a8f5c" : "#c0504d" > svg
  printf "<text x=\"%d\" y=\"%d\">%s</text>\n", 690, y + 11, short(e) > svg
}

function picture(    i, x) {
  printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"740\" height=\"%d\" font-family=\"sans-serif\" font-size=\"11\">\n" \
    "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", 15 * ntargets + 30 > svg
  for (x = -4; x <= 4; x++) {
    printf "<path d=\"M%.1f 20V%d\" stroke=\"%s\"/>\n", 500 + 45 * x, 15 * ntargets + 22, x ? "#ddd" : "#000" > svg
    printf "<text x=\"%.1f\" y=\"14\" text-anchor=\"middle\">%s</text>\n", 500 + 45 * x,
      x ? (x < 0 ? "1/" 2 ^ -x : 2 ^ x) : "target" > svg
  }
  for (i = 1; i <= ntargets; i++)
    bar(i, 15 * i + 7)
  print "</svg>" > svg
}

END {
  print "| row | value | target | | " (where == "hosted" ? "ratio to peers" : "share of Go 1.26's") " |"
  print "|---|---|---|---|---|"
  for (i = 1; i <= nrows; i++)
    line(rows[i])
  for (i = 1; i <= ntargets; i++)
    if (value[target_row[i]] == "" && target_row[i] !~ /\.vs\./)
      printf "| %s | - | %s %s | no figure | |\n", target_row[i], relation[i], short(bound(i))
  picture()
}
