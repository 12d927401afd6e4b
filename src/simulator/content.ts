/** A file that a customer sends: made by `kind`, the same for the same `variant`. */
export interface FileSketch {
  readonly kind: 'photo' | 'receipt'
  readonly variant: number
}

/** The advertisement that brought a customer to us (reference 4.4). */
export interface Advertisement {
  readonly id: string
  readonly headline: string
  readonly body: string
}

/** What a customer does. `quotes`: as an answer to the hub's last message. */
export type Content =
  | { readonly type: 'text'; readonly body: string; readonly quotes?: boolean; readonly ad?: Advertisement }
  | { readonly type: 'image'; readonly file: FileSketch; readonly caption?: string }
  | {
      readonly type: 'document'
      readonly file: FileSketch
      readonly fileName: string
      readonly caption?: string
    }
  | {
      readonly type: 'location'
      readonly latitude: number
      readonly longitude: number
      readonly name: string
      readonly address: string
      readonly quotes?: boolean
    }
  /** To the hub's last message; without one it is a text with the emoji. */
  | { readonly type: 'reaction'; readonly emoji: string }
  /** Of the customer's own last text. */
  | { readonly type: 'edit'; readonly body: string }
  /** Of the customer's own last message. */
  | { readonly type: 'revoke' }
  | { readonly type: 'button_reply'; readonly id: string; readonly title: string }
  | {
      readonly type: 'list_reply'
      readonly id: string
      readonly title: string
      readonly description?: string
    }
  /** A tap on the quick-reply button of a template. */
  | { readonly type: 'button'; readonly payload: string; readonly text: string }
