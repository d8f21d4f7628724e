package upstest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/doorstep-go/doorstep/carriers"
	"github.com/doorstep-go/doorstep/carriers/fake"
	"github.com/doorstep-go/doorstep/postpurchase/shipment"
)

// The wire structs of an answer, as UPS writes it (Tracking.yaml, saved 2026-07).
type (
	wireAnswer struct {
		TrackResponse struct {
			Shipment []wireShipment `json:"shipment"`
		} `json:"trackResponse"`
	}

	wireShipment struct {
		InquiryNumber string        `json:"inquiryNumber"`
		Package       []wirePackage `json:"package,omitempty"`
		UserRelation  []string      `json:"userRelation,omitempty"`
		Warnings      []wireWarning `json:"warnings,omitempty"`
	}

	wireWarning struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}

	wirePackage struct {
		TrackingNumber      string           `json:"trackingNumber"`
		DeliveryDate        []wireDate       `json:"deliveryDate,omitempty"`
		DeliveryTime        *wireTime        `json:"deliveryTime,omitempty"`
		Activity            []wireActivity   `json:"activity"`
		CurrentStatus       wireStatus       `json:"currentStatus"`
		PackageCount        int              `json:"packageCount"`
		AccessPoint         *wireAccessPoint `json:"accessPointInformation,omitempty"`
		DeliveryInformation *wireDelivery    `json:"deliveryInformation,omitempty"`
		PackageAddress      []wireParty      `json:"packageAddress,omitempty"`
		Service             wireService      `json:"service"`
		Weight              wireWeight       `json:"weight"`
	}

	wireActivity struct {
		Location  wireLocation `json:"location"`
		Status    wireStatus   `json:"status"`
		Date      string       `json:"date"`
		Time      string       `json:"time"`
		GMTDate   string       `json:"gmtDate,omitempty"`
		GMTOffset string       `json:"gmtOffset,omitempty"`
		GMTTime   string       `json:"gmtTime,omitempty"`
	}

	wireLocation struct {
		Address wireAddress `json:"address"`
		SLIC    string      `json:"slic,omitempty"`
	}

	wireStatus struct {
		Type        string `json:"type,omitempty"`
		Description string `json:"description"`
		Code        string `json:"code"`
		StatusCode  string `json:"statusCode,omitempty"`
	}

	wireAddress struct {
		Line1         string `json:"addressLine1,omitempty"`
		City          string `json:"city,omitempty"`
		StateProvince string `json:"stateProvince,omitempty"`
		PostalCode    string `json:"postalCode,omitempty"`
		CountryCode   string `json:"countryCode,omitempty"`
		Country       string `json:"country,omitempty"`
	}

	wireParty struct {
		Type    string      `json:"type"`
		Name    string      `json:"name,omitempty"`
		Address wireAddress `json:"address"`
	}

	wireDate struct {
		Type string `json:"type"`
		Date string `json:"date"`
	}

	wireTime struct {
		Type  string `json:"type"`
		Start string `json:"startTime,omitempty"`
		End   string `json:"endTime,omitempty"`
	}

	wireAccessPoint struct {
		PickupByDate string `json:"pickupByDate"`
	}

	wireDelivery struct {
		ReceivedBy string `json:"receivedBy,omitempty"`
		Location   string `json:"location,omitempty"`
	}

	wireService struct {
		Code        string `json:"code"`
		LevelCode   string `json:"levelCode"`
		Description string `json:"description"`
	}

	wireWeight struct {
		Unit   string `json:"unitOfMeasurement"`
		Weight string `json:"weight"`
	}
)

const (
	dateLayout = "20060102"
	timeLayout = "150405"
	retention  = 120 * 24 * time.Hour
	holdDays   = 7 // how long an Access Point keeps a parcel
)

// details answers about one number: its parcel, and those of the same shipment.
func (s *Server) details(w http.ResponseWriter, inquiry string) {
	if len(inquiry) < 7 || len(inquiry) > 34 || carriers.CleanNumber(inquiry) != inquiry {
		fail(w, http.StatusBadRequest, "TV1002", "Invalid inquiry number")
		return
	}
	answer := wireAnswer{}
	sh := wireShipment{InquiryNumber: inquiry}
	if p := s.parcels[inquiry]; p != nil {
		group := []*parcel{p}
		for _, n := range p.opts.Siblings {
			if sibling := s.parcels[carriers.CleanNumber(n)]; sibling != nil && sibling != p {
				group = append(group, sibling)
			}
		}
		for _, each := range group {
			if pkg, ok := each.wire(s.cfg.Now()); ok {
				pkg.PackageCount = len(group)
				sh.Package = append(sh.Package, pkg)
			}
		}
		sh.UserRelation = []string{"SHIPPER"}
	}
	if len(sh.Package) == 0 {
		sh.UserRelation = nil
		sh.Warnings = []wireWarning{{"TW0001", "Tracking Information Not Found"}}
	}
	answer.TrackResponse.Shipment = []wireShipment{sh}
	write(w, http.StatusOK, answer)
}

// wire writes what UPS knows of a parcel at now; ok is false where it knows nothing,
// yet or any more.
func (p *parcel) wire(now time.Time) (pkg wirePackage, ok bool) {
	shown := p.journey.Shown(p.start, now)
	if len(shown) == 0 {
		return pkg, false
	}
	last := shown[len(shown)-1]
	if now.Sub(last.Time(p.start)) > retention {
		return pkg, false
	}
	pkg = wirePackage{
		TrackingNumber: p.number,
		Service:        wireService{"003", "003", cmp.Or(p.opts.Service, "UPS Ground")},
		Weight:         wireWeight{"KGS", strconv.FormatFloat(float64(cmp.Or(p.opts.WeightGrams, 1500))/1000, 'f', -1, 64)},
		PackageAddress: []wireParty{{Type: "ORIGIN", Address: address(p.journey[0].Place)}},
	}
	for _, step := range slices.Backward(shown) { // newest first
		pkg.Activity = append(pkg.Activity, p.activity(step))
	}
	said := sayingFor(last)
	pkg.CurrentStatus = wireStatus{Description: said.text, Code: said.status3}
	if home := p.journey[len(p.journey)-1]; home.Status == shipment.Delivered {
		pkg.PackageAddress = append(pkg.PackageAddress, wireParty{Type: "DESTINATION", Address: address(home.Place)})
	}
	p.dates(&pkg, shown)
	if last.Status == shipment.AvailableForPickup {
		until := last.Time(p.start).AddDate(0, 0, holdDays)
		pkg.AccessPoint = &wireAccessPoint{until.Format(dateLayout)}
		pkg.PackageAddress = append(pkg.PackageAddress, wireParty{Type: "ACCESS_POINT", Name: last.Place.Name, Address: address(last.Place)})
	}
	return pkg, true
}

// dates writes when the parcel is to arrive, or did. The first promise is the
// scheduled date; where a later one differs, that is the rescheduled date.
func (p *parcel) dates(pkg *wirePackage, shown fake.Journey) {
	var first, current shipment.Window
	for _, step := range shown {
		if w := step.ETA.Window(p.start, step.Offset); !w.IsZero() {
			if first.IsZero() {
				first = w
			}
			current = w
		}
	}
	if !first.IsZero() {
		day := first.To.Wall().Format(dateLayout)
		pkg.DeliveryDate = append(pkg.DeliveryDate, wireDate{"SDD", day})
		if now := current.To.Wall().Format(dateLayout); now != day {
			pkg.DeliveryDate = append(pkg.DeliveryDate, wireDate{"RDD", now})
		}
		pkg.DeliveryTime = &wireTime{Type: "EOD"}
		if current.To.Precision() != shipment.PrecisionDay {
			pkg.DeliveryTime = &wireTime{"EDW", current.From.Wall().Format(timeLayout), current.To.Wall().Format(timeLayout)}
		}
	}
	if last := shown[len(shown)-1]; last.Status == shipment.Delivered {
		at := last.Time(p.start)
		pkg.DeliveryDate = append(pkg.DeliveryDate, wireDate{"DEL", at.Format(dateLayout)})
		pkg.DeliveryTime = &wireTime{Type: "DEL", End: at.Format(timeLayout)}
		if p.opts.SignedBy != "" || last.Detail == shipment.DetailSafePlace {
			pkg.DeliveryInformation = &wireDelivery{ReceivedBy: p.opts.SignedBy}
			if last.Detail == shipment.DetailSafePlace {
				pkg.DeliveryInformation.Location = "Porch"
			}
		}
	}
}

func (p *parcel) activity(step fake.Step) wireActivity {
	said, at := sayingFor(step), step.Time(p.start)
	a := wireActivity{
		Location: wireLocation{Address: address(step.Place)},
		Status:   wireStatus{Type: said.kind, Description: said.text + " ", Code: said.code, StatusCode: said.status3},
		Date:     at.Format(dateLayout), Time: at.Format(timeLayout),
	}
	if !p.opts.NoOffsets {
		a.GMTDate, a.GMTTime, a.GMTOffset = at.UTC().Format(dateLayout), at.UTC().Format(time.TimeOnly), at.Format("-07:00")
	}
	return a
}

// address writes a place as UPS does: no name, and towns in capitals.
func address(p shipment.Place) wireAddress {
	return wireAddress{City: strings.ToUpper(p.City), StateProvince: p.Region, PostalCode: p.PostalCode, CountryCode: p.Country, Country: p.Country}
}
