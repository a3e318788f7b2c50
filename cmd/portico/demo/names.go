package demo

import "strings"

// community is one of the origins that names in the UK have.
type community struct {
	share    int // of a hundred people
	women    []string
	men      []string
	families []string
}

// The lists are common names of each origin. People are drawn from them with no regard to who lives where.
var communities = []community{
	{40,
		[]string{"Olivia", "Amelia", "Margaret", "Susan", "Zoë", "Charlotte", "Jean", "Patricia", "Emily", "Grace", "Hannah", "Dorothy", "Alice", "Freya", "Pauline", "Chloe", "Sarah", "Linda", "Ruth", "Poppy"},
		[]string{"Oliver", "George", "Arthur", "Noah", "David", "John", "Alan", "Peter", "Harry", "Thomas", "Keith", "Edward", "Jack", "Stephen", "Brian", "Oscar", "Matthew", "Colin", "Leo", "Ronald"},
		[]string{"Smith", "Taylor", "Brown", "Wilson", "Johnson", "Walker", "Robinson", "Wright", "Thompson", "Hughes", "Ward", "Turner", "Cooper", "Hill", "Clarke", "Ashworth", "Barraclough", "Fairhurst", "Pickering", "Hollis", "Smith-Greene", "Featherstone"}},
	{12,
		[]string{"Siân", "Aoife", "Fiona", "Eilidh", "Niamh", "Megan", "Bronwen", "Catriona", "Rhiannon", "Róisín"},
		[]string{"Rhys", "Seán", "Callum", "Owain", "Hamish", "Ciarán", "Gareth", "Angus", "Declan", "Iwan"},
		[]string{"Jones", "Evans", "Davies", "O'Brien", "O'Neill", "MacDonald", "Campbell", "Murphy", "Llewellyn", "Fraser", "McCarthy", "Pritchard"}},
	{11,
		[]string{"Aisha", "Fatima", "Zainab", "Maryam", "Sumaiya", "Nadia", "Rukhsana", "Shabnam", "Ayesha", "Khadija"},
		[]string{"Mohammed", "Imran", "Yusuf", "Bilal", "Tariq", "Hassan", "Shahid", "Abdul", "Ibrahim", "Kamran"},
		[]string{"Khan", "Hussain", "Ahmed", "Begum", "Malik", "Akhtar", "Chowdhury", "Iqbal", "Mahmood", "Rahman", "Mirza"}},
	{10,
		[]string{"Priya", "Harpreet", "Anjali", "Meera", "Simran", "Kavita", "Nisha", "Gurpreet", "Lakshmi", "Radhika"},
		[]string{"Arjun", "Rajesh", "Gurdeep", "Sanjay", "Harjit", "Vikram", "Amit", "Nikhil", "Jaspal", "Suresh"},
		[]string{"Patel", "Singh", "Kaur", "Sharma", "Shah", "Gill", "Desai", "Nair", "Sandhu", "Mehta", "Krishnan"}},
	{8,
		[]string{"Adaeze", "Folake", "Abena", "Ngozi", "Akosua", "Temitope", "Chiamaka", "Efua", "Wanjiru", "Yetunde"},
		[]string{"Chinedu", "Kwame", "Olumide", "Kofi", "Emeka", "Tunde", "Kojo", "Babajide", "Kamau", "Obinna"},
		[]string{"Okafor", "Adeyemi", "Mensah", "Boateng", "Okonkwo", "Owusu", "Balogun", "Eze", "Asante", "Kimani"}},
	{5,
		[]string{"Shanice", "Marcia", "Keisha", "Yvonne", "Tamara", "Beverley"},
		[]string{"Winston", "Delroy", "Jermaine", "Leroy", "Marlon", "Everton"},
		[]string{"Campbell", "Francis", "Grant", "Palmer", "Clarke", "Joseph", "Baptiste", "Henry"}},
	{7,
		[]string{"Agnieszka", "Małgorzata", "Ioana", "Katarzyna", "Elena", "Zuzanna", "Rūta", "Dorota"},
		[]string{"Piotr", "Andrei", "Krzysztof", "Tomasz", "Mihai", "Łukasz", "Jonas", "Wojciech"},
		[]string{"Kowalski", "Nowak", "Popescu", "Wiśniewski", "Ionescu", "Zieliński", "Kazlauskas", "Wójcik"}},
	{4,
		[]string{"Mei", "Ka Yan", "Xiaoling", "Thi Lan", "Hui Min", "Wai Ling"},
		[]string{"Wei", "Chi Ming", "Jun", "Van Minh", "Ka Ho", "Zhihao"},
		[]string{"Chan", "Wong", "Li", "Chen", "Nguyen", "Zhang", "Tran", "Cheung"}},
	{3,
		[]string{"Leyla", "Shirin", "Rania", "Elif", "Amira", "Hodan"},
		[]string{"Emre", "Farhad", "Omar", "Kerem", "Khalid", "Abdirahman"},
		[]string{"Yılmaz", "Hosseini", "Haddad", "Demir", "Al-Masri", "Warsame"}},
}

func newCommunity(d *dice) community {
	throw := d.below(100)
	for _, c := range communities {
		if throw -= c.share; throw < 0 {
			return c
		}
	}
	return communities[0]
}

// plain writes the letters of the lists in ASCII, for addresses of mail.
var plain = strings.NewReplacer(
	"â", "a", "ë", "e", "ó", "o", "í", "i", "á", "a", "ł", "l", "Ł", "l", "ś", "s", "ń", "n", "ū", "u", "ı", "i",
	" ", "", "'", "", "-", "")

func mailName(s string) string { return strings.ToLower(plain.Replace(s)) }
