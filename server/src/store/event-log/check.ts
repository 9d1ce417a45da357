/** Events of a project that its log does not have as they were written. */
export interface BrokenPage {
  readonly project: string
  readonly first: number
  readonly last: number
}

/**
 * SQL of the pages that are not whole: the number of their lines differs from the number of their
 * events, the events before them are missing although the log has older ones, or the last page does
 * not end with the last event of its project. `newline` is the expression of the engine for it.
 */
export const brokenPagesSql = (newline: 'char(10)' | 'chr(10)'): string => `
  SELECT p.project_id AS project, p.first, p.last FROM event_pages p
  WHERE length(p.lines) - length(replace(p.lines, ${newline}, '')) <> p.last - p.first
    OR (
      NOT EXISTS (SELECT 1 FROM event_pages b WHERE b.project_id = p.project_id AND b.last = p.first - 1)
      AND NOT EXISTS (SELECT 1 FROM events b WHERE b.project_id = p.project_id AND b.seq = p.first - 1)
      AND (
        EXISTS (SELECT 1 FROM event_pages b WHERE b.project_id = p.project_id AND b.last < p.first)
        OR EXISTS (SELECT 1 FROM events b WHERE b.project_id = p.project_id AND b.seq < p.first)
      )
    )
    OR (
      NOT EXISTS (SELECT 1 FROM event_pages a WHERE a.project_id = p.project_id AND a.last > p.last)
      AND p.last <> (SELECT seq FROM projects WHERE id = p.project_id)
    )
  ORDER BY p.project_id, p.last LIMIT 1`

/** Describes a broken page for its operator. */
export const describeBrokenPage = ({ project, first, last }: BrokenPage): string =>
  `the log of project ${project} is not whole at the events ${first} to ${last}`
