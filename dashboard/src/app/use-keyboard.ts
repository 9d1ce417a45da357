import { useNavigate } from '@tanstack/react-router'
import { useEffect, useEffectEvent, useRef } from 'react'
import { now } from '../clock.ts'
import { navigation } from './navigation.ts'

/** Time for the letter after `g`, in milliseconds. */
const sequenceMs = 1_500

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))

/** Ctrl K and ⌘K open the palette, `/` too. `g` and a letter open a page. */
export function useKeyboard({ openPalette }: { readonly openPalette: () => void }): void {
  const navigate = useNavigate()
  const prefixAt = useRef(0)
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    const isPalette = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k'
    if (isPalette || (event.key === '/' && !isTyping(event.target))) {
      event.preventDefault()
      return openPalette()
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
    const page = now() - prefixAt.current < sequenceMs ? navigation.find(({ key }) => key === event.key) : undefined
    prefixAt.current = event.key === 'g' ? now() : 0
    if (page) void navigate({ to: page.path })
  })
  useEffect(() => {
    const listener = (event: KeyboardEvent) => onKey(event)
    addEventListener('keydown', listener)
    return () => removeEventListener('keydown', listener)
  }, [])
}
