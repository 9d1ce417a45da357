/** The hosts that `tony-mcp mcp install` configures. */
export const hostNames = ['claude-code', 'codex', 'cursor', 'gemini', 'vscode'] as const
export type HostName = (typeof hostNames)[number]

const restartStep = 'restart it, or reload its window'

/** The step that is left to the user after the installation in each host. */
export const hostNextSteps: Readonly<Record<HostName, string>> = {
  'claude-code': restartStep,
  codex: `${restartStep}, then trust the new hooks with /hooks: until then Codex ignores them`,
  cursor: restartStep,
  gemini: restartStep,
  vscode: restartStep,
}
