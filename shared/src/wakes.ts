import { z } from 'zod'
import { id, timestamp } from './ids.ts'

/** The reasons for which an idle session is woken. `message`: one with the mode `steer`. */
export const wakeReasons = ['message', 'cancel', 'answer', 'task'] as const
export type WakeReason = (typeof wakeReasons)[number]

/**
 * `deferred`: it waits for `wakePolicy.intervalMs`. `requested`: the session is being woken.
 * `woken`: its next hook or tool call was seen. `unavailable`: none was seen in time.
 */
export const wakeStatuses = ['deferred', 'requested', 'woken', 'unavailable'] as const
export const wakeStatus = z.enum(wakeStatuses)

/** The ways to wake a host session, in the order in which they are tried. */
export const wakeProviders = ['channel', 'stop_hook', 'codex_queue', 'webhook', 'command'] as const
export type WakeProviderName = (typeof wakeProviders)[number]
export const wakeProvider = z.enum(wakeProviders)

/** Times in milliseconds. */
export const wakePolicy = {
  /** Shortest time between two wakes of a session. */
  intervalMs: 60_000,
  /** The reasons that do not wait for that time. */
  urgentReasons: ['message'],
  /** Time after which a requested wake is `unavailable`. Its sweep runs within 1 s more. */
  endMs: 55_000,
  /** Time that a ready task leaves to the agents that wait for one, before it wakes a session. */
  taskDelayMs: 1_000,
} as const satisfies Readonly<Record<string, number | readonly WakeReason[]>>

/** The attempt to wake the recipient of a message. */
export const messageWake = z.object({
  status: wakeStatus,
  requestedAt: timestamp,
  endedAt: timestamp.nullable(),
  /** The providers that were tried, in this order. */
  tried: z.array(wakeProvider),
})

/** A wake that is requested and has not ended. */
export const openWake = z.object({
  id,
  reason: z.enum(wakeReasons),
  /** Id of the message or the task. */
  subject: id,
  requestedAt: timestamp,
  tried: z.array(wakeProvider),
})
export type OpenWake = z.output<typeof openWake>

export const wakeAnnounceInput = z.strictObject({
  /** True while no turn of the model runs. */
  idle: z.boolean(),
  /** A hook or a tool call of the session was seen since the last announcement. Default `false`. */
  active: z.boolean().default(false),
  /** The session takes tasks, so a ready task may wake it. Default `false`. */
  takesTasks: z.boolean().default(false),
})
export const wakeAnnounceOutput = z.object({
  /** The open wakes of the caller, oldest first, at most 100. */
  wakes: z.array(openWake),
})

export const wakeAttemptInput = z.strictObject({ wakeIds: z.array(id).min(1).max(100), provider: wakeProvider })
export const wakeAttemptOutput = z.object({
  /** The wakes that are still open and have something to read. */
  wakeIds: z.array(id),
})

export const wakeGiveUpInput = z.strictObject({ wakeIds: z.array(id).min(1).max(100) })
export const wakeGiveUpOutput = z.object({
  /** The wakes that were open until now. */
  wakeIds: z.array(id),
})
