import type { FeedEvent } from '@tony/mcp-client'
import { useEffect, useEffectEvent, useSyncExternalStore } from 'react'
import { readSecond, subscribeToSeconds } from '../clock.ts'
import { useSession } from '../session/session.ts'
import type { LiveState } from './live-feed.ts'

/** Returns the state of the live feed. */
export function useLiveState(): LiveState {
  const { feed } = useSession()
  return useSyncExternalStore(feed.onState, () => feed.state)
}

/** Calls `listener` with the events of each frame while the component is shown. */
export function useEvents(listener: (events: readonly FeedEvent[]) => void): void {
  const { feed } = useSession()
  const onEvents = useEffectEvent(listener)
  useEffect(() => feed.onBatch((events) => onEvents(events)), [feed])
}

/**
 * Reads queries again, at most once in `everyMs`, after events that match. It is for data
 * that no event contains.
 */
export function useInvalidation(
  key: readonly unknown[],
  changes: RegExp | ((event: FeedEvent) => boolean),
  everyMs: number,
): void {
  const { feed } = useSession()
  const isChange = changes instanceof RegExp ? ({ type }: FeedEvent) => changes.test(type) : changes
  useEvents((events) => {
    if (events.some(isChange)) feed.invalidate(key, everyMs)
  })
}

/** Returns the time of the server, which changes once a second. */
export function useServerTime(): number {
  const { clockAheadMs } = useSession()
  return useSyncExternalStore(subscribeToSeconds, readSecond) + clockAheadMs
}
