import { Link, Outlet } from '@tanstack/react-router'
import { useState } from 'react'
import { useNeedsCount } from '../pages/needs-you/use-needs-count.ts'
import { ToastRegion } from '../ui/toast.tsx'
import { Identity } from './identity.tsx'
import { LiveDot } from './live-dot.tsx'
import { navigation } from './navigation.ts'
import { Palette } from './palette.tsx'
import { ShareLink } from './share-link.tsx'
import { ThemeSwitch } from './theme-switch.tsx'
import { useKeyboard } from './use-keyboard.ts'
import { useVersionCheck } from './use-version-check.ts'

/** The frame of every page: navigation, state of the feed, identity and palette. */
export function Shell() {
  const [isPaletteOpen, setPaletteOpen] = useState(false)
  useVersionCheck()
  useKeyboard({ openPalette: () => setPaletteOpen(true) })
  return (
    <div className="shell">
      <button type="button" className="skip" onClick={() => document.getElementById('content')?.focus()}>
        Skip to the content
      </button>
      <header className="top">
        <span className="brand">Tony MCP</span>
        <LiveDot />
        <button type="button" className="search" onClick={() => setPaletteOpen(true)}>
          Find a page or a task <kbd>Ctrl K</kbd>
        </button>
        <ThemeSwitch />
        <ShareLink />
        <Identity />
      </header>
      <Navigation />
      <main id="content" tabIndex={-1} className="content">
        <Outlet />
      </main>
      <Palette isOpen={isPaletteOpen} onOpenChange={setPaletteOpen} />
      <ToastRegion />
    </div>
  )
}

function Navigation() {
  const needs = useNeedsCount()
  return (
    <nav className="pages" aria-label="Pages">
      <ul>
        {navigation.map(({ path, title }) => (
          <li key={path}>
            <Link to={path} activeOptions={{ exact: path === '/', includeSearch: false }}>
              {title}
              {path === '/' && needs > 0 ? (
                <span className="count">
                  {needs}
                  <span className="hidden"> wait</span>
                </span>
              ) : null}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}
