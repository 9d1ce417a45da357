import { type Command, Option } from 'commander'
import { defaultUrl } from './contexts/settings.ts'

/**
 * Adds the options of a server. The credential itself is no option, because a command line is
 * visible in the list of processes and in the shell's history.
 */
export const addServerOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--url <url>', `the server; default: that of the context, else ${defaultUrl}`).env('TONY_MCP_URL'),
    )
    .addOption(
      new Option('--token-file <file>', 'a file with an API key or an access token; or TONY_TOKEN holds it').env(
        'TONY_TOKEN_FILE',
      ),
    )
    .addOption(new Option('--project <name>', 'the project; a credential carries its own').env('TONY_MCP_PROJECT'))
    .addOption(
      new Option('--context <name>', 'take these three from a context; default: that of "context use"').env(
        'TONY_MCP_CONTEXT',
      ),
    )
