import { useEffect } from 'react'
import { useServerTime } from '../data/use-feed.ts'
import { useSession } from '../session/session.ts'
import { TimeLeft } from './age.tsx'

/** Interval of reads after a shown lease has passed: a heartbeat extends it without an event. */
const leaseReadMs = 5_000

interface LeaseLeftProps {
  readonly until: string
  /** The query that has the lease. It is read again after the lease has passed. */
  readonly queryKey: readonly unknown[]
}

/** The time until a lease ends. */
export function LeaseLeft({ until, queryKey }: LeaseLeftProps) {
  const { feed } = useSession()
  const hasPassed = Date.parse(until) < useServerTime()
  useEffect(() => {
    if (hasPassed) feed.invalidate(queryKey, leaseReadMs)
  })
  return <TimeLeft until={until} />
}
