import { exportMark } from '../plan/exported.ts'
import { BeadsWriter } from './beads.ts'
import type { ExportFormat } from './format-names.ts'
import { JsonWriter } from './json.ts'
import { markdownText } from './markdown.ts'
import type { ExportedProject } from './project.ts'
import { taskmasterText } from './taskmaster-text.ts'

type TextOf = (project: ExportedProject, now: string) => AsyncGenerator<string, void>

async function* beadsText(project: ExportedProject, now: string): AsyncGenerator<string, void> {
  const writer = new BeadsWriter(project, now)
  for await (const task of project.tasks()) yield `${JSON.stringify(writer.recordOf(task))}\n`
}

async function* jsonText(project: ExportedProject): AsyncGenerator<string, void> {
  const writer = new JsonWriter(project)
  yield `{"format":${JSON.stringify(exportMark)},"version":1,"tasks":\n[`
  let separator = ''
  for await (const task of project.tasks()) {
    yield `${separator}${JSON.stringify(writer.rowOf(task))}`
    separator = '\n,'
  }
  yield '\n]}\n'
}

/**
 * The text of the file in each format, in parts. `now` is the time of a change here.
 */
export const exportTexts: Readonly<Record<ExportFormat, TextOf>> = {
  json: jsonText,
  beads: beadsText,
  taskmaster: taskmasterText,
  markdown: markdownText,
}
