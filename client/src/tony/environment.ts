/** Where the server is, and as whom it is called. */
export interface ServerOptions {
  /** Default: TONY_MCP_SERVER_URL, TONY_MCP_URL, MCP_URL or TONY_MCP_SERVER, else `http://127.0.0.1:3456`. */
  readonly url?: string
  /**
   * An API key. Default: TONY_TOKEN. Without one the server must be in dev mode on this machine. Its role is to be at least
   * that of the agents it registers: tech-lead for `tonyMCP`.
   */
  readonly credential?: string
  /** Name of the project. Default: TONY_MCP_PROJECT, else `default`. A key carries its own. */
  readonly project?: string
  /** How long a call may take in all, its repeats included, in milliseconds. Default: TONY_MCP_TIMEOUT, else 30 000. */
  readonly timeout?: number
}

const defaultUrl = 'http://127.0.0.1:3456'
const defaultTimeout = 30_000

/** `http://host:port` of an address in one of the forms in use: with `/mcp` or `/ws` at its end, or as a socket. */
export const baseUrl = (url: string): string =>
  url
    .trim()
    .replace(/^ws/, 'http')
    .replace(/\/(mcp|ws)?\/*$/, '')

const nonEmpty = (value: string | undefined): string | undefined =>
  value === undefined || value === '' ? undefined : value

/** `none` was how 2.7 said that there is no server. */
const toServerUrl = (value: string | undefined): string | undefined => (value === 'none' ? undefined : nonEmpty(value))

/** What was given, completed by the environment. */
export function resolveServerOptions(given: ServerOptions) {
  const env = typeof process === 'undefined' ? {} : process.env
  const url =
    given.url ??
    [env['TONY_MCP_SERVER_URL'], env['TONY_MCP_URL'], env['MCP_URL'], env['TONY_MCP_SERVER']]
      .map(toServerUrl)
      .find((value) => value !== undefined) ??
    defaultUrl
  const credential = given.credential ?? nonEmpty(env['TONY_TOKEN'])
  const project = given.project ?? nonEmpty(env['TONY_MCP_PROJECT'])
  const timeout = given.timeout ?? Number(nonEmpty(env['TONY_MCP_TIMEOUT']) ?? defaultTimeout)
  return {
    url: baseUrl(url),
    timeout: timeout > 0 ? timeout : defaultTimeout,
    ...(credential === undefined ? {} : { credential }),
    ...(project === undefined ? {} : { project }),
  }
}
