import { readFileSync } from 'node:fs'
import { duration } from '@tony/mcp-shared/durations'
import { z } from 'zod'
import { stateDirOf } from './hook-environment.ts'
import type { BridgeSettings } from './session/registration.ts'

/** The environment of a bridge is invalid. The message names each variable and its problem. */
export class BridgeConfigError extends Error {
  override readonly name = 'BridgeConfigError'
}

const environmentSchema = z.object({
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
  /** A command that wakes this session, run by the shell. */
  TONY_MCP_WAKE: z.string().optional(),
  /** The program of Codex, for its queue. */
  TONY_MCP_CODEX: z.string().default('codex'),
  /** Set by Codex: the id of its thread. */
  CODEX_THREAD_ID: z.string().optional(),
})

/** Settings of the providers that wake the session. */
export interface WakeSettings {
  readonly command: string | undefined
  readonly codexProgram: string
  readonly threadId: string | undefined
}

export interface BridgeConfig {
  readonly settings: BridgeSettings
  readonly hostSessionId: string | undefined
  readonly workspace: string
  /** Folder for the slots and the hook sockets of this user's host sessions. */
  readonly stateDir: string
  readonly wake: WakeSettings
}

const readKeyFile = (file: string): string => readFileSync(file, 'utf8').trim()

/** Reads the environment of a bridge. Throws BridgeConfigError, which lists every problem. */
export function readBridgeConfig(env: Readonly<Record<string, string | undefined>>): BridgeConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = environmentSchema.safeParse(given)
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
    stateDir: stateDirOf(given),
    wake: { command: values.TONY_MCP_WAKE, codexProgram: values.TONY_MCP_CODEX, threadId: values.CODEX_THREAD_ID },
  }
}

/** Returns the configuration of this process. A given command wakes its session. */
export const readProcessConfig = (wake?: string): BridgeConfig =>
  readBridgeConfig(wake === undefined ? process.env : { ...process.env, TONY_MCP_WAKE: wake })

/** Returns the environment for a command of the user: this process's without its credential. */
export function commandEnvironment(): NodeJS.ProcessEnv {
  const { TONY_TOKEN: _, TONY_TOKEN_FILE: __, ...inherited } = process.env
  return inherited
}
