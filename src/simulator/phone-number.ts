/** One business number as Meta knows it, and the app that it belongs to. */
export interface PhoneNumber {
  readonly phoneNumberId: string
  readonly wabaId: string
  /** As people write it. */
  readonly displayPhoneNumber: string
  /** What calls must bear. */
  readonly accessToken: string
  /** Signs the webhooks. */
  readonly appSecret: string
  /** What the hub must recognise when we subscribe. */
  readonly verifyToken: string
  /** Where webhooks go. */
  readonly webhookUrl: string
}

/** The number in digits, as statuses and webhooks spell it. */
export function digitsOf(text: string): string {
  return text.replaceAll(/\D/g, '')
}
