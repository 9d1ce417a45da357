import type { Task } from '@tony/mcp-client'
import { type ExportedProject, originOf } from './project.ts'
import { TaskmasterWriter } from './taskmaster.ts'
import { mainTag } from './taskmaster-ids.ts'

type JsonObject = Record<string, unknown>

const toIndentedJson = (value: unknown, width: number): string =>
  JSON.stringify(value, null, 2).replaceAll('\n', `\n${' '.repeat(width)}`)

interface Group {
  readonly record: JsonObject
  /** The fields of the list, which came with its first task. */
  readonly fields: JsonObject
}

/** Reads a task and its subtasks from the bodies. */
async function readGroup(writer: TaskmasterWriter, size: number, bodies: AsyncIterator<Task, void>): Promise<Group> {
  const tasks: Task[] = []
  for (let index = 0; index < size; index += 1) {
    const { value } = await bodies.next()
    if (value) tasks.push(value)
  }
  const [top, ...others] = tasks
  if (!top) return { record: {}, fields: {} }
  const { others: fields, hasSubtasks, format } = originOf(top)
  const record = writer.recordOf(top)
  const subtasks = others.map((task) => writer.recordOf(task))
  const hasList = subtasks.length > 0 || hasSubtasks === true || format !== 'taskmaster'
  return {
    record: { ...record, ...(hasList ? { subtasks } : {}) },
    fields: typeof fields === 'object' && fields !== null ? { ...fields } : {},
  }
}

/** Yields the text of a Task Master file. It is untagged only if its source was. */
export async function* taskmasterText(project: ExportedProject): AsyncGenerator<string, void> {
  const writer = new TaskmasterWriter(project)
  const { tags } = writer.layout
  const lists = tags.size > 0 ? [...tags] : [[mainTag, []] as const]
  const isTagged = lists.length > 1 || ![...project.outlines.values()].some(({ isUntagged }) => isUntagged)
  const [width, pad] = isTagged ? [4, '    '] : [2, '  ']
  for (const [index, [tag, groups]] of lists.entries()) {
    yield index === 0 ? '{\n' : ',\n'
    yield `${isTagged ? `  ${JSON.stringify(tag)}: {\n` : ''}${pad}"tasks": [`
    const bodies = project.tasksById(groups.flat())
    const fields: JsonObject = {}
    let separator = '\n'
    for (const group of groups) {
      const { record, fields: found } = await readGroup(writer, group.length, bodies)
      Object.assign(fields, found)
      yield `${separator}${pad}  ${toIndentedJson(record, width + 2)}`
      separator = ',\n'
    }
    yield groups.length > 0 ? `\n${pad}]` : ']'
    for (const [name, value] of Object.entries(fields))
      yield `,\n${pad}${JSON.stringify(name)}: ${toIndentedJson(value, width)}`
    yield isTagged ? '\n  }' : ''
  }
  yield '\n}\n'
}
