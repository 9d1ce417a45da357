/** `system` follows the setting of the browser. */
export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

/** The theme is no secret, so it outlives the tab. */
const storageKey = 'tony-theme'

export const readTheme = (): Theme => themes.find((theme) => theme === localStorage.getItem(storageKey)) ?? 'system'

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme
}

export function saveTheme(theme: Theme): void {
  localStorage.setItem(storageKey, theme)
  applyTheme(theme)
}
