import { readFileSync, statSync } from 'node:fs'
import { type Client, createClient } from '@tony/mcp-client'
import { type Command, Option } from 'commander'

const defaultUrl = 'http://127.0.0.1:3456'

/** The credential cannot be read. */
export class CredentialError extends Error {
  override readonly name = 'CredentialError'
}

/** The address of a server and the caller's identity, for every command that calls one. */
export interface ServerOptions {
  readonly url: string
  readonly project?: string
  readonly tokenFile?: string
}

/**
 * Adds the options of a server. The credential itself is no option, because a command line is
 * visible in the list of processes and in the shell's history.
 */
export const addServerOptions = (command: Command): Command =>
  command
    .addOption(new Option('--url <url>', 'the server').env('TONY_MCP_URL').default(defaultUrl))
    .addOption(
      new Option('--token-file <file>', 'a file with an API key or an access token; or TONY_TOKEN holds it').env(
        'TONY_TOKEN_FILE',
      ),
    )
    .option('--project <name>', 'the project; a credential carries its own')

/** Mode bits that give other users access to a file. */
const groupAndOtherBits = 0o077

function readToken(file: string): string {
  let token: string
  try {
    if (process.platform !== 'win32' && (statSync(file).mode & groupAndOtherBits) !== 0)
      process.stderr.write(`warning: ${file} can be read by others: chmod 600 ${file}\n`)
    token = readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new CredentialError(`the token file ${file} cannot be read`, { cause })
  }
  if (token === '' || /\s/.test(token)) throw new CredentialError(`the token file ${file} holds no token`)
  return token
}

/**
 * Returns the credential: the content of the token file, else TONY_TOKEN. Throws CredentialError.
 */
export function tokenOf({ tokenFile }: ServerOptions): string | undefined {
  if (tokenFile !== undefined && tokenFile !== '') return readToken(tokenFile)
  const { TONY_TOKEN: token } = process.env
  return token === undefined || token.trim() === '' ? undefined : token.trim()
}

/** Creates a client for the server in the options. Throws CredentialError. */
export function connect(options: ServerOptions): Client {
  const { url, project } = options
  const token = tokenOf(options)
  return createClient({
    url,
    // A person waits for the command, so it does not wait for a server.
    waitsForServer: false,
    ...(token === undefined ? {} : { token }),
    ...(project === undefined ? {} : { project }),
  })
}

/**
 * True if a configuration of Tony 2.8 starts this program: `main.js` without a command, with
 * `MCP_TRANSPORT=stdio`. The host then speaks MCP on standard input and output.
 */
export const isStdioServer = (argv: readonly string[]): boolean =>
  argv.length <= 2 && process.env['MCP_TRANSPORT'] === 'stdio'
