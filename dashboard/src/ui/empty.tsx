import type { ReactNode } from 'react'

interface EmptyProps {
  readonly title: string
  /** What to do, or why nothing is to be done. */
  readonly children: ReactNode
}

/** The place of a list without entries. */
export const Empty = ({ title, children }: EmptyProps) => (
  <div className="empty">
    <p>
      <b>{title}</b>
    </p>
    <p className="muted">{children}</p>
  </div>
)
