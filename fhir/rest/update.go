package rest

// update, also as create: https://hl7.org/fhir/R4/http.html#update.
func (s *server) update(x *exchange) error {
	pre, err := s.precondition(x)
	if err != nil {
		return err
	}
	r, err := x.resource()
	if err != nil {
		return err
	}
	o, err := s.Engine.Update(x.request.Context(), x.who, x.key, r, pre)
	if err != nil {
		return err
	}
	s.written(x, o.Version, o.Created)
	return nil
}
