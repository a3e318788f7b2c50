package search

// DecimalForm is the form in which the index compares a number.
func DecimalForm(text string) (string, error) {
	d, err := parseDecimal(text)
	if err != nil {
		return "", err
	}
	return d.at(), nil
}
