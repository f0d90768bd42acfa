# SPDX-License-Identifier: MIT
# report.awk - many KTAP files to one verdict. usage: awk -f report.awk FILE...
#
# A file that is empty, or whose plan is missing or not kept, counts one failure more: its tests
# crashed, hung or never began. Failed and skipped tests are named; the last line is "N passed,
# N failed[, N skipped]". Status 1 on failure, and when nothing was tested.
function complain(text) {
  print "FAILED " text
  failed++
}
function base(path) {
  sub(/.*\//, "", path)
  sub(/\.ktap$/, "", path)
  return path
}
function finish() {
  if (name == "") return
  if (planned < 0)
    complain(name ": no test plan")
  else if (seen != planned)
    complain(name ": " seen " of " planned " tests were run")
}
BEGIN { for (i = 1; i < ARGC; i++) empty[ARGV[i]] = 1 }
FNR == 1 {
  finish()
  delete empty[FILENAME]
  name = base(FILENAME)
  planned = -1
  seen = 0
}
/^1\.\.[0-9]+/ { planned = substr($1, 4) + 0 }
/^ok / {
  seen++
  if (/# SKIP/) {
    skipped++
    sub(/^ok [0-9]+ /, "")
    print "skipped " name ": " $0
  } else {
    passed++
  }
}
/^not ok / {
  seen++
  sub(/^not ok [0-9]+ /, "")
  complain(name ": " $0)
}
END {
  finish()
  for (path in empty) complain(base(path) ": nothing came")
  if (passed + failed + skipped == 0) complain("nothing was tested")
  line = passed + 0 " passed, " failed + 0 " failed"
  if (skipped) line = line ", " skipped " skipped"
  print line
  exit failed > 0
}
