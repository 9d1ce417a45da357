import { Graph, layout } from '@dagrejs/dagre'
import type { Edge, Node } from '@xyflow/react'
import { toVisible } from '../../ui/agent-text.tsx'
import { toWords } from '../../ui/format.ts'
import type { Tree } from './tree.ts'

const size = { width: 200, height: 56 } as const

/** Number of characters of a title in a node. */
const titleLength = 48

export type PlanNode = Node<{ label: string }>

const shorten = (text: string): string => (text.length > titleLength ? `${text.slice(0, titleLength - 1)}…` : text)

/** An edge from a task to one that waits for it. */
interface Link {
  readonly from: string
  readonly to: string
  readonly isChild: boolean
}

function linksOf({ nodes, dependencies = [] }: Tree): Link[] {
  const ids = new Set(nodes.map(({ id }) => id))
  const children = nodes.flatMap(({ id, parentId }) =>
    parentId !== null && ids.has(parentId) ? [{ from: id, to: parentId, isChild: true }] : [],
  )
  const others = dependencies.flatMap(({ taskId, dependsOnId }) =>
    ids.has(dependsOnId) ? [{ from: dependsOnId, to: taskId, isChild: false }] : [],
  )
  return [...children, ...others]
}

/** Places the tasks of a plan from left to right, each after its blockers. */
export function layOut(tree: Tree, path: readonly string[]): { nodes: PlanNode[]; edges: Edge[] } {
  const graph = new Graph().setGraph({ rankdir: 'LR', nodesep: 16, ranksep: 48 }).setDefaultEdgeLabel(() => ({}))
  for (const { id } of tree.nodes) graph.setNode(id, { ...size })
  const links = linksOf(tree)
  for (const { from, to } of links) graph.setEdge(from, to)
  layout(graph)
  const critical = new Set(path)
  const nodes = tree.nodes.map(({ id, title, type, status }): PlanNode => {
    const { x = 0, y = 0 } = graph.node(id)
    return {
      id,
      position: { x: x - size.width / 2, y: y - size.height / 2 },
      data: { label: `${shorten(toVisible(title ?? type))}\n${toWords(status)}` },
      className: `plan-node ${status}${critical.has(id) ? ' critical' : ''}`,
      ...size,
    }
  })
  const edges = links.map(
    ({ from, to, isChild }): Edge => ({
      id: `${from} ${to} ${isChild}`,
      source: from,
      target: to,
      className: critical.has(from) && critical.has(to) ? 'critical' : isChild ? 'child' : '',
    }),
  )
  return { nodes, edges }
}
