/** The exit code for wrong arguments. */
export const usageExitCode = 2

/** The exit code after a timeout, as of the shell command `timeout`. */
export const timeoutExitCode = 124

/** The exit code for a command to run that does not exist, as a shell reports it. */
export const notFoundExitCode = 127

/** The exit code after SIGINT, as a shell reports it. */
export const interruptedExitCode = 130

/** The exit codes of all commands, as "--help" prints them. */
export const exitCodesText = `Exit codes:
  0    ok
  1    failed
  2    wrong arguments or input
  3    not found
  4    not allowed, or the credential has ended
  5    conflict
  69   the server cannot be reached
  75   try again later
  124  --timeout has passed
  127  the command to run does not exist
  130  interrupted`
