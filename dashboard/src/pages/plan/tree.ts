import type { Api } from '@tony/mcp-client'

/** A tree of tasks with the dependencies between them. */
export type Tree = Awaited<ReturnType<Api['tasks']['tree']>>
export type TreeNode = Tree['nodes'][number]
