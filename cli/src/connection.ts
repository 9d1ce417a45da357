import { readFileSync, statSync } from 'node:fs'
import { type Client, type ClientOptions, createClient } from '@tony/mcp-client'
import { type ServerOptions, settingsOf } from './contexts/settings.ts'
import { variable } from './environment.ts'

/** The credential cannot be read. */
export class CredentialError extends Error {
  override readonly name = 'CredentialError'
}

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

/** The server of a command, as the client takes it. */
export type ConnectionTarget = Required<Pick<ClientOptions, 'url'>> & Pick<ClientOptions, 'token' | 'project'>

/**
 * Returns the server, the project and the credential of a command. The credential is the content of
 * the token file, else TONY_TOKEN, else that of the context. Throws CredentialError.
 */
export function connectionTargetOf(options: ServerOptions): ConnectionTarget {
  const { url, project, tokenFile, contextTokenFile } = settingsOf(options)
  const savedToken = () => (contextTokenFile === undefined ? undefined : readToken(contextTokenFile))
  const token = tokenFile === undefined ? (variable('TONY_TOKEN') ?? savedToken()) : readToken(tokenFile)
  return {
    url,
    ...(token === undefined ? {} : { token }),
    ...(project === undefined ? {} : { project }),
  }
}

/** Creates a client for the server in the options. Throws CredentialError. */
export const connectClient = (options: ServerOptions): Client =>
  // A person waits for the command, so it does not wait for a server.
  createClient({ ...connectionTargetOf(options), waitsForServer: false })
