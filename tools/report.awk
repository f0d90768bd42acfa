# SPDX-License-Identifier: MIT
# report.awk - many KTAP files to one verdict. usage: awk -f report.awk FILE...
#
# A file whose plan is missing or not kept counts one failure more: its tests crashed or hung.
# Failed tests are named; the last line is "N passed, N failed[, N skipped]". Status 1 on failure.
function finish() {
  if (file == "") return
  if (planned < 0) {
    print "FAILED " name ": no test plan"
    failed++
  } else if (seen != planned) {
    print "FAILED " name ": " seen " of " planned " tests were run"
    failed++
  }
}
FNR == 1 {
  finish()
  file = FILENAME
  name = FILENAME
  sub(/.*\//, "", name)
  sub(/\.ktap$/, "", name)
  planned = -1
  seen = 0
}
/^1\.\.[0-9]+/ { planned = substr($1, 4) + 0 }
/^ok / {
  seen++
  if (/# SKIP/) {
    skipped++
    what = $0
    sub(/^ok [0-9]+ /, "", what)
    print "skipped " name ": " what
  } else {
    passed++
  }
}
/^not ok / {
  seen++
  failed++
  what = $0
  sub(/^not ok [0-9]+ /, "", what)
  print "FAILED " name ": " what
}
END {
  finish()
  if (file == "") {
    print "FAILED: nothing was run"
    failed++
  }
  line = passed + 0 " passed, " failed + 0 " failed"
  if (skipped) line = line ", " skipped " skipped"
  print line
  exit failed > 0
}
