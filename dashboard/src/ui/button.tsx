import type { ButtonHTMLAttributes } from 'react'

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** `primary` for the expected act, `danger` for one that ends something. */
  readonly kind?: 'normal' | 'primary' | 'danger'
}

export const Button = ({ kind = 'normal', type = 'button', ...rest }: ButtonProps) => (
  <button type={type} className={`button ${kind}`} {...rest} />
)
