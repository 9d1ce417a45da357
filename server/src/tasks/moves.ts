import { type TaskTransition, taskTransitions } from '@tony/mcp-shared/tasks'

/** The statuses a move may start from, for its guard in SQL. */
export const movableFrom = (move: TaskTransition) => [...taskTransitions[move].from]
