import { type CheckResult, examineDatabase } from '@tony/mcp-server/maintenance/doctor'
import type { DatabaseOptions } from './backup.ts'

const marks: Readonly<Record<CheckResult['state'], string>> = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' }

/** `tony-mcp doctor`: exits with 1 if a check failed and with 0 otherwise, even after warnings. */
export async function doctorCommand({ dbPath, json }: DatabaseOptions): Promise<void> {
  const findings = await examineDatabase(dbPath)
  const lines = findings.map(({ check, state, message }) => `${marks[state]} ${check}: ${message}`)
  process.stdout.write(`${json ? JSON.stringify({ findings }) : lines.join('\n')}\n`)
  if (findings.some(({ state }) => state === 'failed')) process.exitCode = 1
}
