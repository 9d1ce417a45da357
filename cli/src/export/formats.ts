import { exportMark } from '../plan/exported.ts'
import { BeadsWriter } from './beads.ts'
import type { ExportFormat } from './format-names.ts'
import { JsonWriter } from './json.ts'
import { markdownText } from './markdown.ts'
import type { ExportedProject } from './project.ts'
import { taskmasterText } from './taskmaster-text.ts'

type TextExporter = (project: ExportedProject, now: string) => AsyncGenerator<string, void>

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
 * The generator of each format. It yields the text of the file in parts. `now` becomes the time of
 * the last change in records of tasks that are new or have changed.
 */
export const textExporters: Readonly<Record<ExportFormat, TextExporter>> = {
  json: jsonText,
  beads: beadsText,
  taskmaster: taskmasterText,
  markdown: markdownText,
}
