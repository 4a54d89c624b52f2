package main

import "strings"

// What the demo's people are called, and say.
var (
	agentNames    = []string{"Ann", "Ben", "Carla", "Deniz", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jonas"}
	customerNames = []string{"Mia", "Noah", "Olga", "Pavel", "Quentin", "Rosa", "Sami", "Tess", "Umar", "Vera", "Wanda", "Yusuf", "Zoe"}

	openings = []string{
		"Hello, do you have this jacket in size 42?", "Hi! Where is my order?", "Good morning, I was charged twice.",
		"My parcel came, and a shoe is missing.", "Can I change the address of my order?", "The voucher does not work.",
		"Do you deliver to Norway?", "I would like to send something back.",
	}
	questions = []string{
		"The number is on the mail, one moment.", "And how long does that take?", "Does that cost anything?", "I see. In blue as well?",
		"Could you send me that by mail?", "Yes, that is the one.", "No, the other one.", "It arrived last Tuesday.", "OK, and then?",
	}
	answers = []string{
		"Hello! Let me look that up for you.", "It left our warehouse this morning.", "Yes, there are two left.",
		"I am sorry about that. I have put it right.", "That is free within thirty days.", "You will have a mail in a few minutes.",
		"May I have the number of your order?", "That takes two to three days.", "Of course. Anything else?",
	}
	goodbyes = []string{"Thank you, bye!", "That is all, thanks.", "Great, thank you very much.", "OK. Bye."}
)

func lower(s string) string { return strings.ToLower(s) }
