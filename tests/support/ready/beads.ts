/** An issue of a beads file, with the fields that its ready rule reads. */
interface Issue {
  readonly id: string
  readonly status: string
  readonly issue_type: string
  readonly close_reason?: string
  readonly pinned?: boolean | number
  readonly ephemeral?: boolean | number
  readonly is_template?: boolean | number
  readonly defer_until?: string
  readonly dependencies?: readonly Edge[] | null
}

interface Edge {
  readonly issue_id?: string
  readonly depends_on_id: string
  readonly type: string
  readonly metadata?: unknown
}

/** Kinds of issues that `bd ready` leaves out. */
const workflowKinds = ['merge-request', 'gate', 'molecule', 'message', 'agent', 'role', 'rig']

/** The states of an issue that blocks nobody. */
const releasing = ['closed', 'pinned', 'tombstone']

/** The issues of a file. Headers and memories have no id. */
export function issuesOf(text: string): Issue[] {
  const values = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line): Issue => JSON.parse(line))
  return values.filter(({ id }) => typeof id === 'string' && id !== '')
}

function spawnerOf({ metadata, depends_on_id: target }: Edge): string {
  const value: unknown = typeof metadata === 'string' && metadata.startsWith('{') ? JSON.parse(metadata) : metadata
  if (typeof value !== 'object' || value === null || !('spawner_id' in value)) return target
  return typeof value.spawner_id === 'string' && value.spawner_id !== '' ? value.spawner_id : target
}

/**
 * The blocked issues, as the documentation of beads defines them: an issue with a `blocks` or
 * `conditional-blocks` edge to an issue that has not ended, with a `waits-for` edge to an issue
 * with a child that has not ended, and every child of a blocked issue, at every depth.
 */
function blockedIds(issues: readonly Issue[]): ReadonlySet<string> {
  const byId = new Map(issues.map((issue) => [issue.id, issue]))
  const isOpen = (id: string) => {
    const status = byId.get(id)?.status
    return status !== undefined && !releasing.includes(status)
  }
  const edges = issues.flatMap(({ id, dependencies }) =>
    (dependencies ?? []).map((edge) => ({ ...edge, from: edge.issue_id ?? id })),
  )
  const parents = edges.filter(({ type }) => type === 'parent-child')
  const blocked = new Set<string>()
  for (const edge of edges) {
    const { type, from, depends_on_id: to } = edge
    if ((type === 'blocks' || type === 'conditional-blocks') && isOpen(to)) blocked.add(from)
    const isWaiting = () => parents.some((child) => child.depends_on_id === spawnerOf(edge) && isOpen(child.from))
    if (type === 'waits-for' && isWaiting()) blocked.add(from)
  }
  for (let before = -1; before !== blocked.size; ) {
    before = blocked.size
    // A closed or pinned issue is never blocked.
    for (const { from, depends_on_id: to } of parents) if (blocked.has(to) && isOpen(to)) blocked.add(from)
  }
  return blocked
}

/**
 * The ready rule of beads, written from its documentation (`bd ready`): an open issue that is
 * neither pinned nor ephemeral nor of a workflow kind, whose deferral and whose parents' deferrals
 * are over, and that is not blocked.
 */
export function readyInBeads(issues: readonly Issue[], now: number): string[] {
  const blocked = blockedIds(issues)
  const deferred = new Set(
    issues.filter(({ defer_until: until }) => until && Date.parse(until) > now).map(({ id }) => id),
  )
  return issues
    .filter(({ id, status, issue_type: kind, pinned, ephemeral, dependencies }) => {
      const isPart = (dependencies ?? []).some(
        ({ type, depends_on_id: to }) => type === 'parent-child' && deferred.has(to),
      )
      return (
        status === 'open' &&
        !pinned &&
        !ephemeral &&
        !workflowKinds.includes(kind) &&
        !deferred.has(id) &&
        !isPart &&
        !blocked.has(id)
      )
    })
    .map(({ id }) => id)
}

const parentsOf = ({ dependencies }: Issue): string[] =>
  (dependencies ?? []).filter(({ type }) => type === 'parent-child').map((edge) => edge.depends_on_id)

const dependsOn = (issue: Issue | undefined, id: string): boolean =>
  (issue?.dependencies ?? []).some(({ type, depends_on_id: to }) => type === 'blocks' && to === id)

/** The reasons for which an issue that is ready in beads is not claimable here, or the reverse. */
export function beadsReason(
  issues: readonly Issue[],
  { id, where }: { readonly id: string; readonly where: 'source' | 'here' },
): string | undefined {
  const byId = new Map(issues.map((issue) => [issue.id, issue]))
  const issue = byId.get(id)
  if (!issue) return undefined
  if (where === 'here')
    return parentsOf(issue).some((parent) => dependsOn(byId.get(parent), id))
      ? 'a parent that waits for its own child blocks it in beads, and both for ever'
      : undefined
  const isOpen = (status: string) => !releasing.includes(status)
  const hasOpenPart = issues.some(
    ({ status, dependencies }) =>
      isOpen(status) &&
      (dependencies ?? []).some(({ type, depends_on_id: to }) => type === 'parent-child' && to === id),
  )
  if (hasOpenPart) return 'a parent waits for its open children'
  if (['template', 'event'].includes(issue.issue_type) || issue.is_template) return 'a template or an event is not work'
  return undefined
}
