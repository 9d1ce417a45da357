/** The largest output that a host shows whole. Both numbers bind. */
export interface OutputLimit {
  /** In UTF-16 code units, as hosts count them. */
  readonly characters: number
  readonly tokens: number
}

/** The limits of one host. */
export interface HostLimits {
  /** The result of a tool, and a resource. */
  readonly result: OutputLimit
  /** The result of a tool that failed. */
  readonly error: OutputLimit
  /** The whole output of a hook. */
  readonly hook: OutputLimit
}

/**
 * The limits of the known hosts. If a host limits bytes and not tokens, `tokens` is its limit in
 * bytes: a token has at least one byte, so no text of that size has more tokens.
 * `docs/agents-hosts.md` names the source and the date of each number.
 */
const knownHosts = {
  'claude-code': {
    result: { characters: 50_000, tokens: 25_000 },
    error: { characters: 11_000, tokens: 25_000 },
    hook: { characters: 10_000, tokens: 10_000 },
  },
  codex: {
    result: { characters: 40_000, tokens: 10_000 },
    error: { characters: 40_000, tokens: 10_000 },
    hook: { characters: 10_000, tokens: 2_500 },
  },
  gemini: {
    result: { characters: 40_000, tokens: 40_000 },
    error: { characters: 40_000, tokens: 40_000 },
    hook: { characters: 10_000, tokens: 2_500 },
  },
  vscode: {
    result: { characters: 8_000, tokens: 8_000 },
    error: { characters: 8_000, tokens: 8_000 },
    hook: { characters: 8_000, tokens: 2_500 },
  },
} as const satisfies Readonly<Record<string, HostLimits>>

type KnownHost = keyof typeof knownHosts

const smallestLimitOf = (kind: keyof HostLimits): OutputLimit => {
  const limits = Object.values(knownHosts).map((host: HostLimits) => host[kind])
  return {
    characters: Math.min(...limits.map(({ characters }) => characters)),
    tokens: Math.min(...limits.map(({ tokens }) => tokens)),
  }
}

/** The limits of an unknown host: the smallest of the known ones. */
export const unknownHostLimits: HostLimits = {
  result: smallestLimitOf('result'),
  error: smallestLimitOf('error'),
  hook: smallestLimitOf('hook'),
}

/** The beginnings of the names by which hosts introduce themselves, in lower case. */
const clientNamePrefixes: readonly (readonly [string, KnownHost])[] = [
  ['claude-code', 'claude-code'],
  ['codex', 'codex'],
  ['gemini', 'gemini'],
  ['vscode', 'vscode'],
  ['visual-studio-code', 'vscode'],
]

/** Returns the limits of a host by the name of its MCP client, or by the name of its hooks. */
export function hostLimitsOf(clientName: string | undefined): HostLimits {
  const name = clientName?.toLowerCase().replaceAll(/[^\w-]+/g, '-') ?? ''
  const [, host] = clientNamePrefixes.find(([beginning]) => name.startsWith(beginning)) ?? []
  return host ? knownHosts[host] : unknownHostLimits
}
