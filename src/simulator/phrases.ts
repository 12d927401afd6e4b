/** What customers write about when they begin, and what they say when they are answered. */
export const openings = [
  'Hi! Has my order left the warehouse yet?',
  'Hello, do you have the blue one in size M?',
  'Good morning 🌞 can I change my appointment to Friday?',
  'The parcel arrived, but one cup is broken 😕',
  'Is it possible to pay in two instalments?',
  'How long is the warranty?',
  'I would like an invoice for my last purchase, please.',
  'Do you deliver on Saturdays?',
  'Can somebody call me back this afternoon?',
  '¿Tienen tienda en el centro?',
  'Guten Tag, haben Sie am Samstag geöffnet?',
  'I think I ordered the wrong colour.',
  'Is this the right number for repairs?',
  'What does express shipping cost?',
  'My discount code SPRING does not work',
  'क्या यह अभी उपलब्ध है?',
  'Could you check my address? I moved last month.',
  'Thanks again for the quick help last time!',
] as const

export const afterthoughts = [
  'It is order 4711, I forgot to say.',
  'No hurry though.',
  'Are you there?',
  'I am free after 3 pm',
  'And one more thing: do you gift-wrap?',
  'Sorry, typing on the bus 😅',
] as const

export const answers = [
  'Great, thank you!',
  'Perfect 👍',
  'Oh, that was quick. Thanks!',
  'Hmm, and when will that be?',
  'Yes please.',
  'No, the other one.',
  'Could you send me a link?',
  'That works for me.',
  'Let me check and get back to you.',
  'How much would that be in total?',
  'OK, I will wait then.',
  'Super, danke!',
] as const

export const captions = [
  'This is what it looks like',
  'See the corner',
  'Here is a picture',
  'Is it this one?',
] as const
export const emojis = ['👍', '❤️', '🙏', '😂', '🎉'] as const

export const places = [
  { name: 'Central Station', address: 'Platform Road 1', latitude: 52.525_1, longitude: 13.369_4 },
  { name: 'Harbour Café', address: '12 Quay Street', latitude: 59.910_9, longitude: 10.728_2 },
  { name: 'City Library', address: 'Library Square 4', latitude: 60.173_8, longitude: 24.938_1 },
  { name: 'Our front door', address: '27 Garden Lane', latitude: 19.076, longitude: 72.877_7 },
] as const

export const advertisements = [
  {
    id: '120226305854810726',
    headline: 'Chat with us',
    body: 'Everything for your balcony, 20 % off this week.',
  },
  { id: '120226305854810731', headline: 'Ask an expert', body: 'Which bicycle fits you? Write to us.' },
] as const
