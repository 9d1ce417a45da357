import { Link } from '@tanstack/react-router'
import { Status } from '../../ui/status.tsx'
import { Table } from '../../ui/table.tsx'
import { TaskLink } from '../../ui/task-link.tsx'
import { progressByParent } from './critical-path.ts'
import type { Tree, TreeNode } from './tree.ts'

interface TreeTableProps {
  readonly tree: Tree
  /** Ids of the critical path. */
  readonly path: readonly string[]
}

/** A node with its distance from the root. */
interface TreeRow {
  readonly node: TreeNode
  readonly level: number
}

/** Returns the nodes so that the children of each follow it. A cycle of parents ends. */
function rowsOf(nodes: readonly TreeNode[]): TreeRow[] {
  const ids = new Set(nodes.map(({ id }) => id))
  const children = Map.groupBy(nodes, ({ parentId }) => (parentId !== null && ids.has(parentId) ? parentId : ''))
  const rows: TreeRow[] = []
  const seen = new Set<string>()
  const add = (node: TreeNode, level: number): void => {
    if (seen.has(node.id)) return
    seen.add(node.id)
    rows.push({ node, level })
    for (const child of children.get(node.id) ?? []) add(child, level + 1)
  }
  for (const root of [...(children.get('') ?? []), ...nodes]) add(root, 0)
  return rows
}

/** The plan as an indented table with the progress of each parent. */
export function TreeTable({ tree, path }: TreeTableProps) {
  const progress = progressByParent(tree.nodes)
  const waits = Map.groupBy(
    (tree.dependencies ?? []).filter(({ open }) => open),
    ({ taskId }) => taskId,
  )
  const critical = new Set(path)
  return (
    <Table columns={['Task', 'Status', 'Below it', 'Waits for', 'Critical path']}>
      {rowsOf(tree.nodes).map(({ node, level }) => {
        const below = progress.get(node.id)
        return (
          <tr key={node.id}>
            <th scope="row" className={`level level-${Math.min(level, 9)}`}>
              <TaskLink task={node} />
            </th>
            <td>
              <Status value={node.status} />
            </td>
            <td>
              {below ? (
                <Link to="/plan" search={{ taskId: node.id }}>
                  {below.completed} of {below.total}
                </Link>
              ) : null}
            </td>
            <td>{waits.get(node.id)?.length ?? ''}</td>
            <td>{critical.has(node.id) ? 'on it' : ''}</td>
          </tr>
        )
      })}
    </Table>
  )
}
