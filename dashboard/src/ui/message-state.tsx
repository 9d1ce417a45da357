import type { Message } from '@tony/mcp-client'
import { Status } from './status.tsx'

/** Returns how far a message has come, as its sender sees it. */
export function stageOf({ status, deliveredAt, shownAt }: Message): string {
  if (status === 'acked') return 'acted'
  if (status === 'dead' || status === 'expired') return status
  if (shownAt !== null) return 'shown'
  return deliveredAt === null ? 'pending' : 'delivered'
}

const stages: readonly string[] = ['delivered', 'shown', 'acted']

/** The stages of a message, with the reached ones marked. */
export function MessageState({ message }: { readonly message: Message }) {
  const stage = stageOf(message)
  const reached = stages.indexOf(stage)
  if (reached === -1) return <Status value={stage} />
  return (
    <span className="stages">
      {stages.map((one, index) =>
        index > reached ? (
          <span key={one} className="muted">
            {one}
          </span>
        ) : (
          <Status key={one} value={one} />
        ),
      )}
    </span>
  )
}
