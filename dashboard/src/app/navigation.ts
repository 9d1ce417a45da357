/** A page in the navigation and in the palette. */
export interface NavigationEntry {
  readonly path: '/' | '/fleet' | '/tasks' | '/messages'
  readonly title: string
  /** The letter that opens the page after `g`. */
  readonly key: string
  /** What the page answers, for the palette. */
  readonly about: string
}

export const navigation: readonly NavigationEntry[] = [
  { path: '/', title: 'Needs you', key: 'n', about: 'questions, reviews, dead letters and stuck tasks' },
  { path: '/fleet', title: 'Fleet', key: 'f', about: 'who does what, for how long' },
  { path: '/tasks', title: 'Tasks', key: 't', about: 'all tasks as a table or a board' },
  { path: '/messages', title: 'Messages', key: 'm', about: 'threads, receipts and dead letters' },
]
