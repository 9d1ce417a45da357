export const exportFormats = ['json', 'beads', 'taskmaster', 'markdown'] as const
export type ExportFormat = (typeof exportFormats)[number]
