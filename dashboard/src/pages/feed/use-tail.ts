import { useEffect, useRef, useState } from 'react'
import { useSession } from '../../session/session.ts'
import { FeedTail, type TailState } from './feed-tail.ts'
import type { FeedSearch } from './search.ts'

const emptyTail: TailState = { rows: [], cursor: undefined, isPaused: false }

/** Follows the feed while the page is shown. Another filter begins a new tail. */
export function useTail({ type, taskId, agentId, epic }: FeedSearch) {
  const { client, clockAheadMs } = useSession()
  const [state, setState] = useState(emptyTail)
  const tail = useRef<FeedTail>(undefined)
  useEffect(() => {
    const filter = {
      ...(type === undefined ? {} : { type }),
      ...(taskId === undefined ? {} : { taskId }),
      ...(agentId === undefined ? {} : { agentId }),
      ...(epic === undefined ? {} : { epic }),
    }
    const next = new FeedTail({ client, clockAheadMs, filter, onChange: setState })
    tail.current = next
    setState(emptyTail)
    void next.start()
    return () => next.close()
  }, [client, clockAheadMs, type, taskId, agentId, epic])
  return { state, pause: () => tail.current?.pause(), resume: () => tail.current?.resume() }
}
