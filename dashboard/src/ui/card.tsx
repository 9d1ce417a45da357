import type { ReactNode } from 'react'
import { Age } from './age.tsx'

interface CardProps {
  /** The word of its kind. */
  readonly kind: string
  readonly title: ReactNode
  /** Time since which it waits. */
  readonly at: string
  readonly children: ReactNode
}

/** One entry that a person acts on. */
export const Card = ({ kind, title, at, children }: CardProps) => (
  <article className="card">
    <header>
      <span className="kind">{kind}</span>
      <h2>{title}</h2>
      <span className="muted">
        <Age at={at} />
      </span>
    </header>
    {children}
  </article>
)
