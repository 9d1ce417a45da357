import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { duration } from '@tony/mcp-shared/durations'
import { z } from 'zod'
import type { BridgeSettings } from './session/registration.ts'

/** The environment of a bridge is invalid. The message names each variable and its problem. */
export class BridgeConfigError extends Error {
  override readonly name = 'BridgeConfigError'
}

const environment = z.object({
  TONY_MCP_URL: z.url().optional(),
  TONY_MCP_SERVER_URL: z.url().optional(),
  /** An API key or an enrolment token. TONY_TOKEN_FILE is the path of a file with one. */
  TONY_TOKEN: z.string().optional(),
  TONY_TOKEN_FILE: z.string().optional(),
  TONY_MCP_PROJECT: z.string().optional(),
  TONY_MCP_AGENT_TYPE: z.string().min(1).max(200).default('implementation'),
  /** Separated by commas. */
  TONY_MCP_CAPABILITIES: z.string().default(''),
  /**
   * The host's id of its session, if it passes one. It identifies the agent after a restart of the
   * host.
   */
  TONY_MCP_SESSION: z.string().optional(),
  /** Working folder of the host session. */
  TONY_MCP_WORKSPACE: z.string().optional(),
  TONY_MCP_STATE_DIR: z.string().optional(),
  /** Longest wait of a tool; it must be below the host's timeout for tools. */
  TONY_MCP_MAX_WAIT: duration.prefault('45s'),
  XDG_STATE_HOME: z.string().optional(),
})

export interface BridgeConfig {
  readonly settings: BridgeSettings
  readonly hostSessionId: string | undefined
  readonly workspace: string
  /** Folder for the slots and the hook sockets of this user's host sessions. */
  readonly stateDir: string
}

const readKeyFile = (file: string): string => readFileSync(file, 'utf8').trim()

/** Reads the environment of a bridge. Throws BridgeConfigError, which lists every problem. */
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
      token: file === undefined ? values.TONY_TOKEN : readKeyFile(file),
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

/** Returns the configuration of this process. */
export const readProcessConfig = (): BridgeConfig => readBridgeConfig(process.env)
