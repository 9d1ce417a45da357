import { useState } from 'react'
import { readTheme, saveTheme, type Theme, themes } from './theme.ts'

export function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(readTheme)
  return (
    <select
      aria-label="Theme"
      className="theme"
      value={theme}
      onChange={({ target }) => {
        const next = themes.find((one) => one === target.value) ?? 'system'
        saveTheme(next)
        setTheme(next)
      }}
    >
      {themes.map((one) => (
        <option key={one} value={one}>
          {one}
        </option>
      ))}
    </select>
  )
}
