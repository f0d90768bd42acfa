# SPDX-License-Identifier: MIT
# compdb.awk - names of C files to compile_commands.json, for editors.
# Environment: DIR, the root of the tree; COMMAND, how a file is compiled, without its name.
function text(s) {
  gsub(/\\/, "\\\\", s)
  gsub(/"/, "\\\"", s)
  return "\"" s "\""
}
BEGIN { printf "[" }
{
  printf "%s\n{ \"directory\": %s, \"file\": %s,\n  \"command\": %s }", (NR > 1 ? "," : ""),
    text(ENVIRON["DIR"]), text($0), text(ENVIRON["COMMAND"] " -c " $0)
}
END { print "\n]" }
