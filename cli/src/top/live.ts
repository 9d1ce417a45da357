import type { Client } from '@tony/mcp-client'
import { interruptedExitCode } from '../exit-codes.ts'
import { now, startTimer } from '../timer.ts'
import { type Board, readBoard } from './board.ts'
import { formatBoard } from './format.ts'
import { Screen } from './screen.ts'

/** Shortest time between two reads of the board, however many events arrive. */
const readEveryMs = 2_000
const drawEveryMs = 1_000

/** True if a shown lease has passed, so that it was extended, which is no event, or has ended. */
const hasPassedLease = ({ agents }: Board): boolean =>
  agents.some(({ task }) => task?.leaseExpiresAt != null && Date.parse(task.leaseExpiresAt) < now())

/** Resolves after a time, or at the signal. */
const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const cancel = startTimer(ms, end)
    signal.addEventListener('abort', end)
  })

/** The feed as a hint that the board is outdated. */
interface FeedHint {
  outdated: boolean
  /** Why the feed has ended; it ends only for good. */
  failure: { readonly error: unknown } | undefined
}

/** Marks the board as outdated at each event that it may show. */
async function followFeed(client: Client, signal: AbortSignal, hint: FeedHint): Promise<void> {
  try {
    for await (const { type } of client.events.subscribe({}, { signal }))
      if (/^(task|agent|epic|project|message)\./.test(type)) hint.outdated = true
  } catch (error) {
    hint.failure = { error }
  }
}

/** Redraws the board each second, and reads it again after events, until the signal. */
async function drawUntil(signal: AbortSignal, client: Client, screen: Screen): Promise<void> {
  const hint: FeedHint = { outdated: true, failure: undefined }
  void followFeed(client, signal, hint)
  let board: Board | undefined
  let readAt = 0
  while (!signal.aborted) {
    if (hint.failure) throw hint.failure.error
    const mayRead = now() - readAt >= readEveryMs
    if (mayRead && (hint.outdated || (board && hasPassedLease(board)))) {
      hint.outdated = false
      readAt = now()
      board = await readBoard(client)
    }
    const { state } = client.connection
    const lines = board ? formatBoard(board) : ['reading …']
    screen.draw([...lines, '', `q ends it${state === 'open' ? '' : `   ${state}`}`])
    await sleep(drawEveryMs, signal)
  }
}

/** Shows the board until `q` or an interrupt. */
export async function showLive(client: Client): Promise<void> {
  const ended = new AbortController()
  const interrupt = () => {
    process.exitCode = interruptedExitCode
    ended.abort()
  }
  const screen = new Screen((key) => {
    if (key === 'q' || key === 'Q') ended.abort()
    // Ctrl-C is a character in raw mode.
    else if (key === '\u0003') interrupt()
  })
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  // An open read would otherwise delay the end.
  ended.signal.addEventListener('abort', () => client.close())
  try {
    await drawUntil(ended.signal, client, screen)
  } catch (error) {
    if (!ended.signal.aborted) throw error
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    screen.close()
  }
}
