import { z } from 'zod'
import type { Diagnostics } from './beads.ts'
import { type LabelEffect, type RecordEffect, stateEffectOf, toSnakeCase, trackerEffects } from './effects.ts'
import {
  githubEdges,
  issueIdOf,
  issueReference,
  issueReferences,
  type KnownIssues,
  knownIssuesOf,
  outsideHoldOf,
} from './github-edges.ts'
import { addWarning, type PlanRecord, problemOf } from './plan.ts'

const named = z.looseObject({ name: z.string() })
const summary = z.looseObject({ total: z.int(), completed: z.int() })
const login = z.looseObject({ login: z.string() })

/** An issue of `gh issue list --json` or of the REST API. Their names of a field differ. */
const issue = z.looseObject({
  number: z.int().positive(),
  title: z.string(),
  body: z.string().nullish(),
  state: z.string().nullish(),
  stateReason: z.string().nullish(),
  state_reason: z.string().nullish(),
  url: z.string().nullish(),
  html_url: z.string().nullish(),
  labels: z.array(named.or(z.string())).nullish(),
  milestone: z.looseObject({ title: z.string() }).nullish(),
  assignees: z.array(login).nullish(),
  issueType: named.nullish(),
  type: named.nullish().catch(null),
  comments: z
    .array(z.looseObject({ author: login.nullish(), body: z.string().nullish() }))
    .nullish()
    .catch(null),
  parent: issueReference.nullish(),
  parent_issue_url: z.string().nullish(),
  blockedBy: issueReferences.nullish(),
  blocked_by: issueReferences.nullish(),
  blocking: issueReferences.nullish(),
  subIssues: issueReferences.nullish(),
  sub_issues: issueReferences.nullish(),
  issue_dependencies_summary: z.looseObject({ blocked_by: z.int() }).nullish().catch(null),
  subIssuesSummary: summary.nullish().catch(null),
  sub_issues_summary: summary.nullish().catch(null),
})
type GithubIssue = z.output<typeof issue>

const isIssue = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'number' in value &&
  'title' in value &&
  !('issue_type' in value) &&
  ['state', 'url', 'html_url', 'labels', 'body'].some((field) => field in value)

/**
 * Returns the issues of a document: a list of `gh` or of the REST API, its pages, the result of a
 * search, or one issue. Undefined if it has none.
 */
export function githubIssues(document: unknown): readonly unknown[] | undefined {
  if (Array.isArray(document)) {
    const issues = document.every(Array.isArray) ? document.flat() : document
    return issues.some(isIssue) ? issues : undefined
  }
  if (typeof document !== 'object' || document === null) return undefined
  if ('items' in document && Array.isArray(document.items)) return githubIssues(document.items)
  return isIssue(document) ? [document] : undefined
}

/** The way to read the labels of issues. */
export interface GithubReadParams extends Diagnostics {
  /** True if a label that the table lacks is a capability that the task requires. */
  readonly labelsAreCapabilities: boolean
}

/**
 * Reads GitHub issues. A milestone is an epic. An open issue that waits for an open issue outside
 * the file is held, because the file cannot tell when that one ends.
 */
export function githubRecords(values: readonly unknown[], reading: GithubReadParams): PlanRecord[] {
  const parsed = values.flatMap((value, index) => {
    const result = issue.safeParse(value)
    if (result.success) return [result.data]
    reading.problems.add({ problem: `issue ${index + 1}: ${problemOf(result.error)}` })
    return []
  })
  reading.problems.throwIfAny()
  const known = knownIssuesOf(parsed)
  return parsed.map((source) => toPlanRecord(source, known, reading))
}

function toPlanRecord(source: GithubIssue, issues: KnownIssues, reading: GithubReadParams): PlanRecord {
  const { number: _, title, body, ...metadata } = source
  const id = issueIdOf(source)
  const labels = readLabels(source, reading.labelsAreCapabilities)
  const state = readState(source)
  if (!state.known)
    addWarning(reading.warnings, `unknown state ${JSON.stringify(state.word)}: held until tasks.unhold`, { id })
  const people = (source.assignees ?? []).map((person) => person.login)
  const isAssigned = people.length > 0 && trackerEffects.github.flags['assignees'] === 'held'
  const assigned = !isAssigned ? undefined : `it is assigned to ${people.join(', ')} at its source`
  const hold = state.hold ?? outsideHoldOf(source, issues) ?? labels.hold ?? assigned
  return {
    ...{ id, status: state.status, kind: kindOf(source) ?? labels.kind ?? 'task' },
    isWork: !hasFlag(source, 'not_work'),
    ...(hold === undefined || state.status !== 'pending' ? {} : { hold }),
    // A closed issue blocks nobody, however it was closed.
    ...(state.status === 'cancelled' ? { releases: true } : {}),
    ...(source.milestone ? { epic: source.milestone.title.slice(0, wordLimit) } : {}),
    priority: labels.priority ?? 'normal',
    title,
    description: body ?? undefined,
    ...notesOf(source),
    ...(labels.requires.length > 0 ? { requires: labels.requires } : {}),
    metadata: { ...metadata, number: source.number },
    edges: githubEdges(source, issues),
  }
}

const wordLimit = 200

const hasFlag = (source: GithubIssue, effect: RecordEffect): boolean =>
  Object.entries(trackerEffects.github.flags).some(([flag, of]) => of === effect && (source[flag] ?? null) !== null)

const kindOf = ({ issueType, type }: GithubIssue): string | undefined => (issueType ?? type)?.name.toLowerCase()

function notesOf({ comments }: GithubIssue): { notes?: string } {
  const remarks = (comments ?? []).flatMap(({ author, body }) =>
    body ? [`${author?.login ?? 'someone'}: ${body}`] : [],
  )
  return remarks.length === 0 ? {} : { notes: `Comments:\n${remarks.join('\n')}` }
}

/** Returns the effect of the state. The reason of a closed issue tells if it was called off. */
function readState({ state, stateReason, state_reason }: GithubIssue) {
  const reason = stateReason ?? state_reason
  const word = toSnakeCase(state ?? 'open')
  const closedAs = reason ? toSnakeCase(reason) : ''
  const used = word === 'closed' && ['completed', 'not_planned', 'duplicate'].includes(closedAs) ? closedAs : word
  return { ...stateEffectOf('github', used), word: used }
}

interface LabelEffects {
  kind?: string
  priority?: PlanRecord['priority']
  hold?: string
  readonly requires: string[]
}

/** `Priority: High` and `priority/high` are one label of the table. */
const labelWordOf = (label: string): string =>
  label
    .trim()
    .toLowerCase()
    .replaceAll(/[\s:/_-]+/g, '_')

function readLabels({ labels }: GithubIssue, areCapabilities: boolean): LabelEffects {
  const found: LabelEffects = { requires: [] }
  for (const label of labels ?? []) {
    const name = typeof label === 'string' ? label : label.name
    const effect = effectOfLabel(labelWordOf(name))
    if (effect === undefined) {
      if (areCapabilities) found.requires.push(name.slice(0, wordLimit))
    } else if (effect !== 'none') Object.assign(found, { ...effect, ...found })
  }
  return found
}

function effectOfLabel(word: string): LabelEffect | undefined {
  const { labels = {} } = trackerEffects.github
  return Object.hasOwn(labels, word) ? labels[word] : undefined
}
