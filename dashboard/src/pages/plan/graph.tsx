import { useNavigate } from '@tanstack/react-router'
import { Background, Controls, Position, ReactFlow } from '@xyflow/react'
import '@xyflow/react/dist/style.css'
import { useMemo } from 'react'
import { layOut } from './layout.ts'
import type { Tree } from './tree.ts'

interface PlanGraphProps {
  readonly tree: Tree
  readonly path: readonly string[]
}

/** The plan as a graph: each task left of its dependents. A click opens a task. */
export function PlanGraph({ tree, path }: PlanGraphProps) {
  const navigate = useNavigate()
  const { nodes, edges } = useMemo(() => {
    const placed = layOut(tree, path)
    const sides = { sourcePosition: Position.Right, targetPosition: Position.Left }
    return { ...placed, nodes: placed.nodes.map((node) => ({ ...node, ...sides })) }
  }, [tree, path])
  return (
    <div className="plan-graph">
      <ReactFlow
        nodes={nodes}
        edges={edges}
        fitView
        minZoom={0.1}
        nodesDraggable={false}
        nodesConnectable={false}
        onlyRenderVisibleElements
        onNodeClick={(_, { id }) => void navigate({ to: '/tasks/$taskId', params: { taskId: id } })}
      >
        <Background />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  )
}
