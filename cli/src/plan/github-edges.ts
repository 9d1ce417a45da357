import { z } from 'zod'
import type { PlanEdge } from './plan.ts'

/** Another issue: its number, or an object with its number and its address. */
export const issueReference = z.int().or(
  z.looseObject({
    number: z.int(),
    url: z.string().nullish(),
    html_url: z.string().nullish(),
    state: z.string().nullish(),
  }),
)
type IssueReference = z.output<typeof issueReference>

/** Other issues: a list, or the first of them and their number as `gh` writes them. */
export const issueReferences = z
  .array(issueReference)
  .or(z.looseObject({ nodes: z.array(issueReference), totalCount: z.int().optional() }))
type IssueReferences = z.output<typeof issueReferences>

interface IssueAddress {
  readonly number: number
  readonly url?: string | null | undefined
  readonly html_url?: string | null | undefined
}

/** The fields of an issue that name other issues. */
export interface IssueRelations extends IssueAddress {
  readonly state?: string | null | undefined
  readonly parent?: IssueReference | null | undefined
  readonly parent_issue_url?: string | null | undefined
  readonly blockedBy?: IssueReferences | null | undefined
  readonly blocked_by?: IssueReferences | null | undefined
  readonly blocking?: IssueReferences | null | undefined
  readonly subIssues?: IssueReferences | null | undefined
  readonly sub_issues?: IssueReferences | null | undefined
  readonly issue_dependencies_summary?: { readonly blocked_by: number } | null | undefined
  readonly subIssuesSummary?: SubIssueSummary | null | undefined
  readonly sub_issues_summary?: SubIssueSummary | null | undefined
}

interface SubIssueSummary {
  readonly total: number
  readonly completed: number
}

/** The owner, the repository and the number in an address of a page or of the REST API. */
const issueAddressPattern = /([^/]+)\/([^/]+)\/(?:issues|pull)\/(\d+)$/

const idOfAddress = (url: string): string | undefined => {
  const [, owner, repository, number] = issueAddressPattern.exec(url) ?? []
  return number === undefined ? undefined : `${owner}/${repository}#${number}`
}

/** Returns the id of an issue, `owner/repository#12`; without its address `#12`. */
export const issueIdOf = ({ number, url, html_url }: IssueAddress): string =>
  idOfAddress(html_url ?? url ?? '') ?? `#${number}`

const referencesOf = (list: IssueReferences | null | undefined): readonly IssueReference[] =>
  list == null ? [] : Array.isArray(list) ? list : list.nodes

const referenceCountOf = (list: IssueReferences | null | undefined): number =>
  list == null ? 0 : Array.isArray(list) ? list.length : (list.totalCount ?? list.nodes.length)

const isOpenIssue = ({ state }: { readonly state?: string | null | undefined }): boolean =>
  (state ?? 'open').toLowerCase() !== 'closed'

/** The issues of a file by id, and the number of open ones below each parent. */
export interface KnownIssues {
  readonly byId: ReadonlyMap<string, IssueRelations>
  readonly openChildren: ReadonlyMap<string, number>
}

export function knownIssuesOf(issues: readonly IssueRelations[]): KnownIssues {
  const openChildren = new Map<string, number>()
  for (const source of issues) {
    const parent = parentIdOf(source)
    if (parent !== undefined && isOpenIssue(source)) openChildren.set(parent, (openChildren.get(parent) ?? 0) + 1)
  }
  return { byId: new Map(issues.map((source) => [issueIdOf(source), source])), openChildren }
}

/** Returns the id of another issue. A bare number is one of the same repository. */
function relatedIssueIdOf(source: IssueRelations, other: IssueReference): string {
  if (typeof other !== 'number' && (other.url ?? other.html_url)) return issueIdOf(other)
  return issueIdOf(source).replace(/\d+$/, String(typeof other === 'number' ? other : other.number))
}

const parentIdOf = (source: IssueRelations): string | undefined =>
  source.parent == null ? idOfAddress(source.parent_issue_url ?? '') : relatedIssueIdOf(source, source.parent)

const edgeOf = (kind: 'blocks' | 'parent', from: string, to: string): PlanEdge => ({
  ...{ kind, from, to },
  source: { issue_id: from, depends_on_id: to, type: kind === 'parent' ? 'parent-child' : 'blocks' },
})

/** Returns the edges of an issue. */
export function githubEdges(source: IssueRelations, { byId }: KnownIssues): PlanEdge[] {
  const id = issueIdOf(source)
  const idsOf = (list: IssueReferences | null | undefined) =>
    referencesOf(list).map((other) => relatedIssueIdOf(source, other))
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
 * Returns the reason to hold an issue: it has open dependencies or sub-issues outside the file, and
 * the file does not tell when they are closed. Undefined if it has none. The numbers are compared
 * because `gh` truncates its lists, and the REST API gives the number of related issues without
 * their ids.
 */
export function outsideHoldOf(source: IssueRelations, { byId, openChildren }: KnownIssues): string | undefined {
  const blockers = source.blockedBy ?? source.blocked_by
  const [known, outside] = splitOpenReferences(source, blockers, byId)
  if (outside.length > 0) return `it waits for ${outside.join(', ')} outside the file`
  const counted = source.issue_dependencies_summary?.blocked_by ?? 0
  if (referenceCountOf(blockers) > referencesOf(blockers).length || counted > known)
    return 'it waits for issues that the file does not name'
  const children = source.subIssues ?? source.sub_issues
  const [, childrenOutside] = splitOpenReferences(source, children, byId)
  if (childrenOutside.length > 0) return `its sub-issues ${childrenOutside.join(', ')} are outside the file`
  const { total = 0, completed = 0 } = source.subIssuesSummary ?? source.sub_issues_summary ?? {}
  const listed = referencesOf(children).filter((other) => isOpenReference(byId, source, other)).length
  return total - completed > Math.max(listed, openChildren.get(issueIdOf(source)) ?? 0)
    ? 'it has sub-issues that the file does not name'
    : undefined
}

const isOpenReference = (byId: KnownIssues['byId'], source: IssueRelations, other: IssueReference): boolean =>
  isOpenIssue(byId.get(relatedIssueIdOf(source, other)) ?? (typeof other === 'number' ? {} : other))

/** Returns the number of open issues of a list in the file, and the ids of those outside it. */
function splitOpenReferences(
  source: IssueRelations,
  list: IssueReferences | null | undefined,
  byId: KnownIssues['byId'],
): [number, string[]] {
  const open = referencesOf(list).filter((other) => isOpenReference(byId, source, other))
  const ids = open.map((other) => relatedIssueIdOf(source, other))
  const outside = ids.filter((other) => !byId.has(other))
  return [ids.length - outside.length, outside]
}
