import type { PlantedEvent, PlantedOp, Story } from './planted.ts'
import { sent } from './planted-ops.ts'
import type { Rule } from './violation.ts'

export type Bend = (story: Story) => void

/** Changes the events of a watcher after the log was changed. */
export type Seen = (sightings: PlantedOp[]) => PlantedOp[]

/** One broken promise, and all the rules that must find it. */
export interface Broken {
  readonly what: string
  readonly rules: readonly Rule[]
  readonly bend: Bend
  readonly seen?: Seen
}

export const unbent: Bend = () => undefined

export function found<Item>(items: readonly Item[], matches: (item: Item) => boolean): Item {
  const item = items.find(matches)
  if (!item) throw new Error('the story has no such item')
  return item
}

export const opAt = (story: Story, t: number): PlantedOp => found(story.ops, (op) => op.t === t)
export const sendOf = (story: Story, key: string, nth = 0): PlantedOp =>
  found(story.ops.filter((op) => op.in?.key === key).slice(nth), () => true)
export const taskOf = (story: Story, id: string) => found(story.tasks, (row) => row.id === id)
export const messageOf = (story: Story, id: string) => found(story.messages, (row) => row.id === id)

const placeOf = (story: Story, type: string, subject: string, nth = 0): number =>
  story.events.indexOf(
    found(story.events.filter((event) => event.type === type && event.subject === subject).slice(nth), () => true),
  )

export function eventOf(story: Story, type: string, subject: string): PlantedEvent {
  return found(story.events, (event) => event.type === type && event.subject === subject)
}

export const drop = (story: Story, type: string, subject: string): PlantedEvent[] =>
  story.events.splice(placeOf(story, type, subject), 1)

export function insertAfter(story: Story, type: string, subject: string, nth: number, ...events: PlantedEvent[]): void {
  story.events.splice(placeOf(story, type, subject, nth) + 1, 0, ...events)
}

/** Adds a message and its event to the database, without a call in the histories. */
export function store(story: Story, id: string, to: string): void {
  story.messages.push({ id, from_agent: 'tony-id', to_agent: to, type: 'note', status: 'pending' })
  story.events.push(sent(id))
}
