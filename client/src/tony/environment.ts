/** The address of the server and the token for it. */
export interface ServerOptions {
  /**
   * URL of the server. Default: the first of TONY_MCP_SERVER_URL, TONY_MCP_URL, MCP_URL and
   * TONY_MCP_SERVER that is set, else `http://127.0.0.1:3456`.
   */
  readonly url?: string
  /**
   * An API key. Its role ceiling must cover the agents it registers: tech-lead for `tonyMCP`.
   * Default: TONY_TOKEN. Without a key the server must be in dev mode on this machine.
   */
  readonly token?: string
  /**
   * Name of the project, only without a key: a key names its own project. Default:
   * TONY_MCP_PROJECT, else `default`.
   */
  readonly project?: string
  /**
   * Deadline for a call including its retries, in milliseconds. Default: TONY_MCP_TIMEOUT, else 30
   * 000.
   */
  readonly timeout?: number
}

const defaultUrl = 'http://127.0.0.1:3456'
const defaultTimeoutMs = 30_000

/** Returns `http://host:port` of a URL that may begin with `ws` and end with `/mcp` or `/ws`. */
export const toBaseUrl = (url: string): string =>
  url
    .trim()
    .replace(/^ws/, 'http')
    .replace(/\/(mcp|ws)?\/*$/, '')

const emptyToUndefined = (value: string | undefined): string | undefined =>
  value === undefined || value === '' ? undefined : value

/** Tony 2.7 used the value `none` for "no server". */
const toServerUrl = (value: string | undefined): string | undefined =>
  value === 'none' ? undefined : emptyToUndefined(value)

/** Returns the given options, completed from the environment. */
export function resolveServerOptions(given: ServerOptions) {
  const env = typeof process === 'undefined' ? {} : process.env
  const url =
    given.url ??
    [env['TONY_MCP_SERVER_URL'], env['TONY_MCP_URL'], env['MCP_URL'], env['TONY_MCP_SERVER']]
      .map(toServerUrl)
      .find((value) => value !== undefined) ??
    defaultUrl
  const token = given.token ?? emptyToUndefined(env['TONY_TOKEN'])
  const project = given.project ?? emptyToUndefined(env['TONY_MCP_PROJECT'])
  const timeout = given.timeout ?? Number(emptyToUndefined(env['TONY_MCP_TIMEOUT']) ?? defaultTimeoutMs)
  return {
    url: toBaseUrl(url),
    timeout: timeout > 0 ? timeout : defaultTimeoutMs,
    ...(token === undefined ? {} : { token }),
    ...(project === undefined ? {} : { project }),
  }
}
