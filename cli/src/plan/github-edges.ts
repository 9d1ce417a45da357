import { z } from 'zod'
import type { PlanEdge } from './plan.ts'

/** Another issue: its number, or an object with its number and its address. */
export const related = z.int().or(
  z.looseObject({
    number: z.int(),
    url: z.string().nullish(),
    html_url: z.string().nullish(),
    state: z.string().nullish(),
  }),
)
type IssueReference = z.output<typeof related>

/** Other issues: a list, or the first of them and their number as `gh` writes them. */
export const relatedList = z
  .array(related)
  .or(z.looseObject({ nodes: z.array(related), totalCount: z.int().optional() }))
type IssueReferences = z.output<typeof relatedList>

interface IssueAddress {
  readonly number: number
  readonly url?: string | null | undefined
  readonly html_url?: string | null | undefined
}

/** The fields of an issue that name other issues. */
export interface RelatedIssues extends IssueAddress {
  readonly state?: string | null | undefined
  readonly parent?: IssueReference | null | undefined
  readonly parent_issue_url?: string | null | undefined
  readonly blockedBy?: IssueReferences | null | undefined
  readonly blocked_by?: IssueReferences | null | undefined
  readonly blocking?: IssueReferences | null | undefined
  readonly subIssues?: IssueReferences | null | undefined
  readonly sub_issues?: IssueReferences | null | undefined
  readonly issue_dependencies_summary?: { readonly blocked_by: number } | null | undefined
  readonly subIssuesSummary?: Summary | null | undefined
  readonly sub_issues_summary?: Summary | null | undefined
}

interface Summary {
  readonly total: number
  readonly completed: number
}

/** The owner, the repository and the number in an address of a page or of the REST API. */
const address = /([^/]+)\/([^/]+)\/(?:issues|pull)\/(\d+)$/

const idOfAddress = (url: string): string | undefined => {
  const [, owner, repository, number] = address.exec(url) ?? []
  return number === undefined ? undefined : `${owner}/${repository}#${number}`
}

/** Returns the id of an issue, `owner/repository#12`; without its address `#12`. */
export const idOf = ({ number, url, html_url }: IssueAddress): string =>
  idOfAddress(html_url ?? url ?? '') ?? `#${number}`

const nodesOf = (list: IssueReferences | null | undefined): readonly IssueReference[] =>
  list == null ? [] : Array.isArray(list) ? list : list.nodes

const totalOf = (list: IssueReferences | null | undefined): number =>
  list == null ? 0 : Array.isArray(list) ? list.length : (list.totalCount ?? list.nodes.length)

const isOpen = ({ state }: { readonly state?: string | null | undefined }): boolean =>
  (state ?? 'open').toLowerCase() !== 'closed'

/** The issues of a file by id, and the number of open ones below each parent. */
export interface KnownIssues {
  readonly byId: ReadonlyMap<string, RelatedIssues>
  readonly openChildren: ReadonlyMap<string, number>
}

export function knownIssuesOf(issues: readonly RelatedIssues[]): KnownIssues {
  const openChildren = new Map<string, number>()
  for (const source of issues) {
    const parent = parentIdOf(source)
    if (parent !== undefined && isOpen(source)) openChildren.set(parent, (openChildren.get(parent) ?? 0) + 1)
  }
  return { byId: new Map(issues.map((source) => [idOf(source), source])), openChildren }
}

/** Returns the id of another issue. A bare number is one of the same repository. */
function relatedId(source: RelatedIssues, other: IssueReference): string {
  if (typeof other !== 'number' && (other.url ?? other.html_url)) return idOf(other)
  return idOf(source).replace(/\d+$/, String(typeof other === 'number' ? other : other.number))
}

const parentIdOf = (source: RelatedIssues): string | undefined =>
  source.parent == null ? idOfAddress(source.parent_issue_url ?? '') : relatedId(source, source.parent)

const edgeOf = (kind: 'blocks' | 'parent', from: string, to: string): PlanEdge => ({
  ...{ kind, from, to },
  source: { issue_id: from, depends_on_id: to, type: kind === 'parent' ? 'parent-child' : 'blocks' },
})

/** Returns the edges of an issue. */
export function githubEdges(source: RelatedIssues, { byId }: KnownIssues): PlanEdge[] {
  const id = idOf(source)
  const idsOf = (list: IssueReferences | null | undefined) => nodesOf(list).map((other) => relatedId(source, other))
  // The other end of these may be an issue of a list without its own field.
  const inFile = (list: IssueReferences | null | undefined) => idsOf(list).filter((other) => byId.has(other))
  const parent = parentIdOf(source)
  return [
    ...(parent === undefined ? [] : [edgeOf('parent', id, parent)]),
    ...idsOf(source.blockedBy ?? source.blocked_by).map((to) => edgeOf('blocks', id, to)),
    ...inFile(source.subIssues ?? source.sub_issues).map((child) => edgeOf('parent', child, id)),
    ...inFile(source.blocking).map((from) => edgeOf('blocks', from, id)),
  ]
}

/**
 * Returns the reason why open issues outside the file hold an issue. The file cannot tell when they
 * end. Lists of `gh` are cut, and lists of the REST API have only their numbers.
 */
export function outsideHoldOf(source: RelatedIssues, { byId, openChildren }: KnownIssues): string | undefined {
  const blockers = source.blockedBy ?? source.blocked_by
  const [known, outside] = split(source, blockers, byId)
  if (outside.length > 0) return `it waits for ${outside.join(', ')} outside the file`
  const counted = source.issue_dependencies_summary?.blocked_by ?? 0
  if (totalOf(blockers) > nodesOf(blockers).length || counted > known)
    return 'it waits for issues that the file does not name'
  const children = source.subIssues ?? source.sub_issues
  const [, childrenOutside] = split(source, children, byId)
  if (childrenOutside.length > 0) return `its sub-issues ${childrenOutside.join(', ')} are outside the file`
  const { total = 0, completed = 0 } = source.subIssuesSummary ?? source.sub_issues_summary ?? {}
  const listed = nodesOf(children).filter((other) => isOpenIn(byId, source, other)).length
  return total - completed > Math.max(listed, openChildren.get(idOf(source)) ?? 0)
    ? 'it has sub-issues that the file does not name'
    : undefined
}

const isOpenIn = (byId: KnownIssues['byId'], source: RelatedIssues, other: IssueReference): boolean =>
  isOpen(byId.get(relatedId(source, other)) ?? (typeof other === 'number' ? {} : other))

/** Returns the number of open issues of a list in the file, and the ids of those outside it. */
function split(
  source: RelatedIssues,
  list: IssueReferences | null | undefined,
  byId: KnownIssues['byId'],
): [number, string[]] {
  const open = nodesOf(list).filter((other) => isOpenIn(byId, source, other))
  const ids = open.map((other) => relatedId(source, other))
  const outside = ids.filter((other) => !byId.has(other))
  return [ids.length - outside.length, outside]
}
