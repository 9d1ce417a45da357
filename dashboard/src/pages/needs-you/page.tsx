import { useState } from 'react'
import { Button } from '../../ui/button.tsx'
import { Empty } from '../../ui/empty.tsx'
import { toErrorText } from '../../ui/error-text.ts'
import { Group } from '../../ui/group.tsx'
import { DeadLetterCard } from './dead-letter-card.tsx'
import { QuestionCard } from './question-card.tsx'
import { ReviewCard } from './review-card.tsx'
import { StuckCard } from './stuck-card.tsx'
import { type Need, type NeedKind, useNeeds } from './use-needs.ts'

const titles: Readonly<Record<NeedKind, string>> = {
  question: 'Questions',
  review: 'Reviews',
  dead_letter: 'Dead letters',
  stuck: 'Stuck tasks',
}
const kinds = ['question', 'review', 'dead_letter', 'stuck'] as const

/** Everything that waits for a person, oldest first, with its answer in place. */
export function NeedsYouPage() {
  const { needs, counts, errors, isPending, hasMore } = useNeeds()
  const [kind, setKind] = useState<NeedKind | undefined>(undefined)
  const shown = needs.filter((need) => kind === undefined || need.kind === kind)
  return (
    <section className="page">
      <h1>Needs you</h1>
      <Group label="Kinds" className="filters">
        <Button aria-pressed={kind === undefined} onClick={() => setKind(undefined)}>
          All {needs.length}
        </Button>
        {kinds.map((one) => (
          <Button key={one} aria-pressed={kind === one} onClick={() => setKind(one)}>
            {titles[one]} {counts[one]}
          </Button>
        ))}
      </Group>
      {errors.map((error) => (
        <p key={toErrorText(error)} role="alert" className="refusal">
          {toErrorText(error)}
        </p>
      ))}
      {shown.length === 0 ? <NothingWaits isPending={isPending || (needs.length === 0 && hasMore)} /> : null}
      <ul className="cards" aria-label="Waiting for you, oldest first">
        {shown.map((need) => (
          <li key={`${need.kind} ${need.id}`}>
            <NeedCard need={need} />
          </li>
        ))}
      </ul>
      {hasMore ? <p className="muted">More wait behind these: they follow as you answer.</p> : null}
    </section>
  )
}

function NothingWaits({ isPending }: { readonly isPending: boolean }) {
  if (isPending) return <p className="muted">Reading what waits …</p>
  return (
    <Empty title="Nothing waits for you">
      Questions of agents, results to review, dead letters and stuck tasks appear here as they happen. The page Fleet
      shows who works.
    </Empty>
  )
}

function NeedCard({ need }: { readonly need: Need }) {
  switch (need.kind) {
    case 'question':
      return <QuestionCard task={need.task} />
    case 'review':
      return <ReviewCard task={need.task} />
    case 'dead_letter':
      return <DeadLetterCard letter={need.letter} />
    case 'stuck':
      return <StuckCard stuck={need} />
  }
}
