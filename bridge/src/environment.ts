import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { duration } from '@tony/mcp-shared/durations'
import { z } from 'zod'
import type { Settings } from './session/registration.ts'

/** The environment of a bridge cannot be used; the message names each variable and what is wrong with it. */
export class BridgeConfigError extends Error {
  override readonly name = 'BridgeConfigError'
}

const environment = z.object({
  TONY_MCP_URL: z.url().optional(),
  TONY_MCP_SERVER_URL: z.url().optional(),
  /** An API key or an enrolment token, or a file that holds one. */
  TONY_TOKEN: z.string().optional(),
  TONY_TOKEN_FILE: z.string().optional(),
  TONY_MCP_PROJECT: z.string().optional(),
  TONY_MCP_AGENT_TYPE: z.string().min(1).max(200).default('implementation'),
  /** Separated by commas. */
  TONY_MCP_CAPABILITIES: z.string().default(''),
  /** What the host calls its session, where it says so: the same agent after a restart of the host. */
  TONY_MCP_SESSION: z.string().optional(),
  /** The folder the session works in. */
  TONY_MCP_WORKSPACE: z.string().optional(),
  TONY_MCP_STATE_DIR: z.string().optional(),
  /** The longest a tool may wait: under what the host waits for a tool. */
  TONY_MCP_MAX_WAIT: duration.prefault('45s'),
  XDG_STATE_HOME: z.string().optional(),
})

export interface BridgeConfig {
  readonly settings: Settings
  readonly hostSessionId: string | undefined
  readonly workspace: string
  /** Where sessions of this user keep their places. */
  readonly stateDir: string
}

const readKeyFile = (file: string): string => readFileSync(file, 'utf8').trim()

/** Reads the environment of a bridge once. Throws BridgeConfigError with every problem at once. */
export function readBridgeConfig(env: Readonly<Record<string, string | undefined>>): BridgeConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = environment.safeParse(given)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new BridgeConfigError(`the environment cannot be used: ${problems.join('; ')}`)
  }
  const values = parsed.data
  const file = values.TONY_TOKEN_FILE
  return {
    settings: {
      url: (values.TONY_MCP_URL ?? values.TONY_MCP_SERVER_URL ?? 'http://127.0.0.1:3456').replace(/\/+$/, ''),
      credential: file === undefined ? values.TONY_TOKEN : readKeyFile(file),
      project: values.TONY_MCP_PROJECT,
      type: values.TONY_MCP_AGENT_TYPE,
      capabilities: values.TONY_MCP_CAPABILITIES.split(',')
        .map((word) => word.trim())
        .filter((word) => word !== ''),
      maxWaitMs: values.TONY_MCP_MAX_WAIT,
    },
    hostSessionId: values.TONY_MCP_SESSION,
    workspace: values.TONY_MCP_WORKSPACE ?? process.cwd(),
    stateDir:
      values.TONY_MCP_STATE_DIR ?? join(values.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'tony-mcp'),
  }
}

/** The configuration of this process. */
export const readProcessConfig = (): BridgeConfig => readBridgeConfig(process.env)
